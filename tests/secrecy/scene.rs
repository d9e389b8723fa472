//! Both services as programs of their own, over databases that wait for the disk.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use cluster::Cluster;
use ed25519_dalek::SigningKey;
use proto::Timestamp;
use proto::api::codes::{BatchIssueItem, BatchIssueReply};
use proto::api::verification::{API_KEY_HEADER, VerifyReply};
use proto::certificate::{Algorithm, CertificateSigner};
use serde_json::json;
use store::{ApiKeyKind, Clock, DatabaseUrl};
use tempfile::TempDir;
use tests::wire::Request;
use verification::admin::{NewKey, add_signing_key, create_api_key, create_authority};

use crate::requests::Route;

/// The roles of the services.
const ROLES: &str = include_str!("../../server/store/migrations/postgres/roles.sql");
/// More than enough for every budget that is not the point here.
const PLENTY: &str = "1000000";
/// The limits of both services.
const LIMITS: [&str; 10] = [
    "PREFIX_REQUESTS",
    "RELAY_REQUESTS",
    "AUTHORITY_UPLOADS",
    "ALL_UPLOADS",
    "PREFIX_FAILURES",
    "RELAY_FAILURES",
    "AUTHORITY_FAILURES",
    "ALL_FAILURES",
    "PREFIX_CHAFF",
    "ALL_CHAFF",
];
/// How many codes are issued at once.
const BATCH: usize = 100;

/// What is different about a system.
#[derive(Clone, Copy)]
pub(crate) struct Flags {
    /// Each commit that a phone waits for takes 50 ms more.
    pub(crate) stalled: bool,
    /// The raster's tick, in milliseconds.
    pub(crate) tick: u32,
    /// For how much chaff a second the services work.
    pub(crate) chaff: u32,
}

impl Default for Flags {
    fn default() -> Self {
        Self { stalled: false, tick: 500, chaff: service::CHAFF_PER_SECOND }
    }
}

/// A running system with one authority. The programs end with this value.
pub(crate) struct Scene {
    verification: Program,
    server: Program,
    /// The verification service once more, without a raster: for those who prepare.
    desk: Program,
    admin: String,
    /// The app's key.
    pub(crate) device: String,
    _directory: TempDir,
}

/// A running program.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Scene {
    /// The authority's id.
    pub(crate) const AUTHORITY: &'static str = "health";

    /// Makes the databases of a system of this name, and starts the services.
    pub(crate) async fn start(cluster: &Cluster, name: &str, flags: Flags) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let postgres = cluster.connect("postgres").await?;
        // Three systems that begin at once would trip over each other's roles.
        postgres.batch_execute("SELECT pg_advisory_lock(1)").await?;
        postgres.batch_execute(ROLES).await?;
        let databases = [format!("{name}_verification"), format!("{name}_keys")];
        for database in &databases {
            postgres.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE template0")).await?;
        }
        postgres.batch_execute("SELECT pg_advisory_unlock(1)").await?;
        // A disk that stands still for some seconds is no business of this test's.
        let [codes, keys] = databases.each_ref().map(|database| {
            let url = cluster.url(database);
            let separator = if url.contains('?') { '&' } else { '?' };
            format!("{url}{separator}connect_timeout=60")
        });
        let (codes_url, keys_url): (DatabaseUrl, DatabaseUrl) = (codes.parse()?, keys.parse()?);
        store::migrate_code_store(&codes_url).await?;
        store::migrate_key_store(&keys_url).await?;
        let [admin, device] = introduce(&directory, codes_url, keys_url).await?;
        let verification = || {
            let mut program = program("verification")?;
            program
                .env("VERIFICATION_DATABASE_URL", &codes)
                .env("VERIFICATION_CHAFF_PER_SECOND", flags.chaff.to_string());
            program.env("VERIFICATION_SECRET_FILE", directory.path().join("secret"));
            program.env("VERIFICATION_SIGNING_KEY_DIR", directory.path().join("signing"));
            for budget in ["PER_PREFIX", "PER_AUTHORITY", "IN_ALL"] {
                program.env(format!("VERIFICATION_HOURLY_GUESSES_{budget}"), PLENTY);
            }
            program.env("VERIFICATION_BATCH_LIMIT", BATCH.to_string());
            anyhow::Ok(program)
        };
        let mut server = program("server")?;
        server.env("SERVER_DATABASE_URL", &keys).env("SERVER_CHAFF_PER_SECOND", flags.chaff.to_string());
        Ok(Self {
            verification: Program::start(verification()?, flags.tick)?,
            desk: Program::start(verification()?, 0)?,
            server: Program::start(server, flags.tick)?,
            admin,
            device,
            _directory: directory,
        })
    }

    /// Has each commit that a phone waits for take 50 ms more from now on.
    pub(crate) async fn stall(cluster: &Cluster, name: &str) -> anyhow::Result<()> {
        for (database, tables) in [("verification", &CODE_TABLES[..]), ("keys", &KEY_TABLES)] {
            cluster.connect(&format!("{name}_{database}")).await?.batch_execute(&stall(tables)).await?;
        }
        Ok(())
    }

    /// Where a route is.
    pub(crate) const fn address(&self, route: Route) -> SocketAddr {
        match route {
            Route::Publish => self.server.address,
            Route::Verify | Route::Certificate => self.verification.address,
        }
    }

    /// Who signs certificates for the key server.
    pub(crate) fn signer(&self) -> CertificateSigner {
        signer()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Clock::system().now()
    }

    /// Has codes issued.
    pub(crate) async fn issue(&self, many: usize) -> anyhow::Result<Vec<String>> {
        let mut issued = Vec::with_capacity(many);
        while issued.len() < many {
            let codes = vec![json!({ "testType": "confirmed" }); BATCH.min(many - issued.len())];
            let request = Request::post_json("/api/batch-issue", json!({ "codes": codes }).to_string().into_bytes());
            let reply = request.with(API_KEY_HEADER, &self.admin).send(self.desk.address).await?;
            ensure!(reply.status == 200, "{reply:?}");
            let reply: BatchIssueReply = reply.json()?;
            issued.extend(reply.codes.into_iter().filter_map(|item| match item {
                BatchIssueItem::Issued(issued) => Some(issued.code),
                BatchIssueItem::Refused(_) => None,
            }));
        }
        Ok(issued)
    }

    /// Claims codes: their tokens.
    pub(crate) async fn claim(&self, codes: &[String]) -> anyhow::Result<Vec<String>> {
        let mut tokens = Vec::with_capacity(codes.len());
        // Some at a time: each may have to wait for its commit.
        for some in codes.chunks(16) {
            let asked = some.iter().map(|code| {
                let request = Request::post_json("/api/verify", json!({ "code": code }).to_string().into_bytes());
                tokio::spawn(request.with(API_KEY_HEADER, &self.device).send(self.desk.address))
            });
            for reply in asked.collect::<Vec<_>>() {
                let reply = reply.await??;
                ensure!(reply.status == 200, "{reply:?}");
                tokens.push(reply.json::<VerifyReply>()?.token);
            }
        }
        Ok(tokens)
    }
}

/// What phones' requests write to, whatever becomes of them.
const CODE_TABLES: [(&str, &str); 3] = [("UPDATE", "code"), ("INSERT", "guess_prefix"), ("INSERT", "chaff")];
const KEY_TABLES: [(&str, &str); 2] = [("INSERT", "gaen_fresh"), ("INSERT", "chaff")];

/// Has each statement over these tables take 50 ms more, before it commits.
fn stall(tables: &[(&str, &str)]) -> String {
    let function = "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END';";
    let triggers = tables.iter().map(|(event, table)| {
        format!("CREATE TRIGGER stall AFTER {event} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION stall();")
    });
    function.to_owned() + &triggers.collect::<String>()
}

/// Makes the authority known to both services: the keys of its staff and of its app.
async fn introduce(directory: &TempDir, codes: DatabaseUrl, keys: DatabaseUrl) -> anyhow::Result<[String; 2]> {
    let id = Scene::AUTHORITY;
    verification::Settings::create_secret(&directory.path().join("secret"))?;
    let settings = verification::DatabaseSettings { database_url: codes };
    let registry = verification::Registry::open(&settings, Clock::system()).await?;
    create_authority(&registry, verification::admin::AuthoritySpec { id: id.to_owned(), ..Default::default() }).await?;
    add_signing_key(&registry, id, NewKey::Drawn(Algorithm::default(), directory.path().join("signing"))).await?;
    let state = server::State::open(&server::Settings { database_url: keys }, Clock::system()).await?;
    let spec = server::admin::AuthoritySpec {
        id: id.to_owned(),
        regions: vec!["XA".parse()?],
        keys: vec![signer().public_key().into()],
        ..Default::default()
    };
    server::admin::register_authority(&state, spec).await?;
    let admin = create_api_key(&registry, id, ApiKeyKind::Admin).await?.as_str().to_owned();
    Ok([admin, create_api_key(&registry, id, ApiKeyKind::Device).await?.as_str().to_owned()])
}

fn signer() -> CertificateSigner {
    CertificateSigner::new(SigningKey::from_bytes(&[9; 32]))
}

/// One of our programs, as it was built last.
fn program(name: &str) -> anyhow::Result<Command> {
    let test = std::env::current_exe()?;
    let built = test.parent().and_then(|deps| deps.parent()).context("tests lie below the programs")?;
    let path: PathBuf = built.join(name);
    ensure!(path.exists(), "{} is missing: cargo build --workspace --bins", path.display());
    let mut command = Command::new(path);
    let prefix = name.to_ascii_uppercase();
    // Each request comes from a network of its own, or all would wait for one row.
    command.env(format!("{prefix}_TRUSTED_PROXIES"), "1");
    for limit in LIMITS {
        command.env(format!("{prefix}_{limit}_PER_MINUTE"), PLENTY);
    }
    // Nor is anybody sent away because the machine stood still: who waits for a place does so for seconds only, and who has one as long as it takes.
    command.env(format!("{prefix}_REQUESTS_AT_ONCE"), "10000");
    command.env(format!("{prefix}_REQUESTS_WAITING"), "10000");
    Ok(command)
}

impl Program {
    fn start(mut command: Command, tick: u32) -> anyhow::Result<Self> {
        command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--tick-ms"]).arg(tick.to_string());
        let mut child = command.stdout(Stdio::piped()).env("RUST_LOG", "warn").spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("it is piped")?).read_line(&mut line)?;
        let line: serde_json::Value = serde_json::from_str(&line).context("the service did not start")?;
        let address = line["listening"].as_str().and_then(|url| url.strip_prefix("http://")).context("a URL")?;
        Ok(Self { child, address: address.parse()? })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
