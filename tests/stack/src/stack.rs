//! The deployment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::access::Access;
use crate::authority::{self, AUTHORITY, Files, REGION};
use crate::between::Between;
use crate::cdn::{self, Origin, Plan};
use crate::databases::{Databases, Servers};
use crate::disk::{FILLER, Means, SmallDisk};
use crate::guardian::Guardian;
use crate::host::Host;
use crate::object_store;
use crate::object_store::ObjectStore;
use crate::options::{Bucket, Options};
use crate::plans::{Common, Doors};
use crate::process::{Process, Ready, Spec};

/// The bucket of the object store, and the prefix in it.
const BUCKET: &str = "objects";
const PREFIX: &str = "live";
/// Where database files and the directory bucket are.
const DATABASES: &str = "databases";
const TREE: &str = "bucket";

/// How long the first pass may take, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

/// A whole deployment: every part a process of its own, below one temporary directory and on loopback addresses. All of it ends when this value is
/// dropped, and when this process ends in whatever way.
#[derive(Debug)]
pub struct Stack {
    // Whoever asks ends before who is asked.
    nginx: Process,
    exporters: Vec<Process>,
    servers: Vec<Process>,
    verifications: Vec<Process>,
    store: Option<Store>,
    tree: Option<PathBuf>,
    databases: Databases,
    /// The disks of database files and of the directory bucket, where they are small.
    disks: [Option<SmallDisk>; 2],
    access: Access,
    guardian: Arc<Guardian>,
}

/// The object store and whoever stands before it.
#[derive(Debug)]
struct Store {
    server: ObjectStore,
    between: Between,
}

impl Stack {
    /// Starts everything and waits until it is ready: some seconds.
    ///
    /// # Errors
    /// If a program is missing or does not start, with what it said.
    pub fn start(options: &Options) -> anyhow::Result<Self> {
        let guardian = Arc::new(Guardian::start()?);
        let directory = guardian.directory().to_owned();
        let (host, files) = (Host::own(), Files::below(&directory));
        let disks = disks(options, &guardian)?;
        let databases = Databases::start(options, &directory.join(DATABASES))?;
        let api_keys = authority::set_up(&files, &databases)?;
        let common = Common { options, databases: &databases, files: &files };
        // Where nothing may be mounted, a full disk is a limit on the processes that write there.
        let limited = disks.iter().flatten().any(|disk| disk.means() == Means::FileSize);
        let started = |spec: Spec| -> anyhow::Result<Process> {
            let spec = if limited { spec.tolerant() } else { spec };
            let process = Process::new(spec, Arc::clone(&guardian));
            process.start()?;
            Ok(process)
        };

        let mut metrics = Vec::new();
        let mut doors = |name: &str| -> anyhow::Result<Doors> {
            let [public, metrics_listen] = host.free_ports()?;
            let doors = Doors { public, metrics: metrics_listen };
            metrics.push((name.to_owned(), format!("http://{}/metrics", doors.metrics)));
            Ok(doors)
        };
        let (mut verifications, mut servers, mut exporters) = (Vec::new(), Vec::new(), Vec::new());
        let (mut to_verifications, mut to_servers) = (Vec::new(), Vec::new());
        for number in 1..=options.verifications {
            let doors = doors(&format!("verification-{number}"))?;
            to_verifications.push(doors.public);
            verifications.push(started(common.verification(number, doors)?)?);
        }
        for number in 1..=options.servers {
            let doors = doors(&format!("server-{number}"))?;
            to_servers.push(doors.public);
            servers.push(started(common.server(number, doors)?)?);
        }
        let (store, tree) = buckets(options.bucket, host, &directory)?;
        let urls = bucket_urls(store.as_ref(), tree.as_deref());
        for (place, ahead) in options.exporters.iter().enumerate() {
            let number = place + 1;
            let doors = doors(&format!("exporter-{number}"))?;
            exporters.push(started(common.exporter((number, *ahead), doors.metrics, &urls)?)?);
        }

        if !exporters.is_empty() {
            wait_for_lists(store.as_ref(), tree.as_deref())?;
        }

        let listen = host.free_ports()?;
        let plan = Plan {
            listen,
            verifications: to_verifications,
            servers: to_servers,
            origin: origin(store.as_ref(), tree.as_deref())?,
            fresh_seconds: options.fresh_seconds,
        };
        let nginx = started(nginx(&plan, &directory)?)?;
        let [verification, server, cdn] = listen.map(|address| format!("http://{address}"));
        let access = Access {
            verification,
            server,
            cdn,
            authority: AUTHORITY.to_owned(),
            region: REGION.to_owned(),
            api_keys,
            keys: files.bundle_keys,
            metrics,
        };
        Ok(Self { nginx, exporters, servers, verifications, store, tree, databases, disks, access, guardian })
    }

    /// Where everything is.
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// The reverse proxy of the services and the CDN of the bucket.
    pub const fn nginx(&self) -> &Process {
        &self.nginx
    }

    /// The verification services.
    pub fn verifications(&self) -> &[Process] {
        &self.verifications
    }

    /// The key servers.
    pub fn servers(&self) -> &[Process] {
        &self.servers
    }

    /// The exporters.
    pub fn exporters(&self) -> &[Process] {
        &self.exporters
    }

    /// All of these. PostgreSQL and the object store are not among them.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        let services = self.verifications.iter().chain(&self.servers);
        services.chain(&self.exporters).chain([&self.nginx])
    }

    /// The PostgreSQL servers; none if the databases are files.
    pub const fn postgres(&self) -> Option<&Servers> {
        match &self.databases {
            Databases::Sqlite(_) => None,
            Databases::Postgres(servers) => Some(servers),
        }
    }

    /// Whoever stands between everybody and the object store; none if there is no such store.
    pub fn between(&self) -> Option<&Between> {
        self.store.as_ref().map(|store| &store.between)
    }

    /// Where everything lies.
    pub fn directory(&self) -> &Path {
        self.guardian.directory()
    }

    /// Who kills what was started beside the deployment, too.
    pub(crate) fn guardian(&self) -> &Guardian {
        &self.guardian
    }

    /// The directory bucket, if there is one.
    pub fn tree(&self) -> Option<&Path> {
        self.tree.as_deref()
    }

    /// The disk of the database files, if it is a small one.
    pub const fn database_disk(&self) -> Option<&SmallDisk> {
        self.disks[0].as_ref()
    }

    /// The disk of the directory bucket, if it is a small one.
    pub const fn bucket_disk(&self) -> Option<&SmallDisk> {
        self.disks[1].as_ref()
    }

    /// The paths of all objects that the object store holds now, or else the directory. Nobody stands between.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub fn paths(&self) -> anyhow::Result<Vec<String>> {
        let Some(Store { server, .. }) = &self.store else {
            return tree_paths(self.tree.as_deref().context("a deployment has a bucket")?);
        };
        let names = server.names(BUCKET)?.into_iter();
        Ok(names.filter_map(|name| Some(name.strip_prefix(PREFIX)?.strip_prefix('/')?.to_owned())).collect())
    }

    /// One of these objects; none if it is not there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn object(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(Store { server, .. }) = &self.store else {
            let tree = self.tree.as_deref().context("a deployment has a bucket")?;
            return match std::fs::read(tree.join(path)) {
                Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
                read => Ok(Some(read?)),
            };
        };
        server.object(BUCKET, &format!("{PREFIX}/{path}"))
    }
}

/// Waits until the first pass has announced both feeds: whoever asks a cache before that is told for a while that there is nothing.
fn wait_for_lists(store: Option<&Store>, tree: Option<&Path>) -> anyhow::Result<()> {
    let asked = Instant::now();
    for kind in ["gaen", "tcn"] {
        let list = format!("{REGION}/{kind}/manifest");
        let in_store = |Store { server, .. }: &Store| server.object(BUCKET, &format!("{PREFIX}/{list}"));
        loop {
            let there = store.map(in_store).transpose()?.is_none_or(|object| object.is_some());
            if there && tree.is_none_or(|tree| tree.join(&list).exists()) {
                break;
            }
            ensure!(asked.elapsed() < PATIENCE, "{list} is not published");
            sleep(PAUSE);
        }
    }
    Ok(())
}

/// Makes the directories of database files and of the directory bucket, on small disks if they are wanted.
fn disks(options: &Options, guardian: &Guardian) -> anyhow::Result<[Option<SmallDisk>; 2]> {
    let mut disks = [None, None];
    for (disk, name) in disks.iter_mut().zip([DATABASES, TREE]) {
        let path = guardian.directory().join(name);
        std::fs::create_dir(&path)?;
        if let Some(bytes) = options.disk_bytes {
            let small = if options.may_mount { SmallDisk::mounted(&path, bytes) } else { SmallDisk::limited(&path) };
            if small.means() == Means::FileSystem {
                guardian.mounted(&path);
            }
            *disk = Some(small);
        }
    }
    Ok(disks)
}

/// Makes the buckets that are wanted.
fn buckets(wanted: Bucket, host: Host, directory: &Path) -> anyhow::Result<(Option<Store>, Option<PathBuf>)> {
    let mut store = None;
    if wanted != Bucket::Directory {
        let server = ObjectStore::start()?;
        server.create_bucket(BUCKET)?;
        server.open_to_readers(BUCKET)?;
        let [at] = host.free_ports()?;
        let between = Between::at(at, server.address())?;
        store = Some(Store { server, between });
    }
    Ok((store, (wanted != Bucket::ObjectStore).then(|| directory.join(TREE))))
}

/// The buckets as an exporter is told them.
fn bucket_urls(store: Option<&Store>, tree: Option<&Path>) -> Vec<String> {
    let region = object_store::REGION;
    let of_store = store.map(|store| {
        format!("cloud=s3://{BUCKET}/{PREFIX}?endpoint=http://{}&region={region}", store.between.address())
    });
    let of_tree = tree.map(|tree| format!("near=file:{}", tree.display()));
    of_store.into_iter().chain(of_tree).collect()
}

fn origin(store: Option<&Store>, tree: Option<&Path>) -> anyhow::Result<Origin> {
    match store {
        Some(store) => Ok(Origin::ObjectStore(store.between.address(), format!("/{BUCKET}/{PREFIX}"))),
        None => Ok(Origin::Directory(tree.context("a deployment has a bucket")?.to_owned())),
    }
}

fn nginx(plan: &Plan, directory: &Path) -> anyhow::Result<Spec> {
    let here = directory.join("nginx");
    std::fs::create_dir(&here)?;
    let configuration = plan.write(&here)?;
    let [_, _, cdn]: [SocketAddr; 3] = plan.listen;
    Ok(Spec {
        name: "nginx".to_owned(),
        program: cdn::program(),
        arguments: vec!["-e".into(), "stderr".into(), "-c".into(), configuration.into()],
        environment: Vec::new(),
        ready: Ready::Port(cdn),
    })
}

/// The files of a directory bucket, but for its own: those whose names begin with a dot.
fn tree_paths(root: &Path) -> anyhow::Result<Vec<String>> {
    let (mut paths, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            if path.is_dir() {
                directories.push(path);
            } else if !name.starts_with('.') && !name.contains("/.") && name != FILLER {
                paths.push(name);
            }
        }
    }
    Ok(paths)
}
