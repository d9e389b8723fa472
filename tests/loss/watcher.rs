//! Somebody who keeps an eye on both buckets.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use proto::Feed;
use proto::manifest::Manifest;
use proto::note::NoteVerifier;
use sha2::{Digest as _, Sha256};

use crate::scene::{Scene, feeds};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(50);

/// A thread that looks at the buckets.
pub(crate) struct Watcher {
    enough: Arc<AtomicBool>,
    looking: JoinHandle<anyhow::Result<Seen>>,
}

/// What was seen of all feeds in all buckets.
pub(crate) struct Seen {
    looks: usize,
    shelves: Vec<Shelf>,
}

/// What was seen of one feed in one bucket.
struct Shelf {
    root: PathBuf,
    feed: Feed,
    verifier: NoteVerifier,
    /// What each bundle was when it appeared.
    bundles: BTreeMap<String, [u8; 32]>,
    /// The newest lists.
    index: Vec<String>,
    number: u64,
}

impl Watcher {
    pub(crate) fn start(scene: &Scene) -> anyhow::Result<Self> {
        let enough = Arc::new(AtomicBool::new(false));
        let mut seen = Seen { looks: 0, shelves: Vec::new() };
        for feed in feeds() {
            for root in &scene.restless.buckets {
                seen.shelves.push(Shelf::open(root, &feed, &scene.restless.keys)?);
            }
        }
        let last = Arc::clone(&enough);
        let looking = std::thread::spawn(move || {
            while !last.load(Ordering::Relaxed) {
                seen.look()?;
                std::thread::sleep(PERIOD);
            }
            seen.look()?;
            Ok(seen)
        });
        Ok(Self { enough, looking })
    }

    /// Looks once more, and at everything again that it has ever seen.
    ///
    /// # Errors
    /// What should not have happened.
    pub(crate) fn stop(self) -> anyhow::Result<Seen> {
        self.enough.store(true, Ordering::Relaxed);
        let seen = self.looking.join().map_err(|_| anyhow::anyhow!("the watcher panicked"))??;
        for shelf in &seen.shelves {
            for (path, first) in &shelf.bundles {
                ensure!(shelf.hash(path)? == *first, "{path} changed");
            }
        }
        Ok(seen)
    }
}

impl Seen {
    fn look(&mut self) -> anyhow::Result<()> {
        self.looks += 1;
        self.shelves.iter_mut().try_for_each(Shelf::look)
    }
}

impl Shelf {
    fn open(root: &Path, feed: &Feed, keys: &Path) -> anyhow::Result<Self> {
        let pem = std::fs::read_to_string(keys.join(format!("{}-manifest.pem", feed.region)))?;
        let verifier = NoteVerifier::from_pem(&proto::manifest::note_name(&feed.region), &pem)?;
        let (root, feed, bundles) = (root.to_owned(), feed.clone(), BTreeMap::new());
        Ok(Self { root, feed, verifier, bundles, index: Vec::new(), number: 0 })
    }

    fn look(&mut self) -> anyhow::Result<()> {
        // The lists first: whatever they name was there before them.
        if let Some(bytes) = self.read(&proto::index::index_path(&self.feed))? {
            let index = proto::index::parse(&bytes)?;
            ensure!(index.starts_with(&self.index), "the index went backwards");
            self.ensure_there(&index)?;
            self.index = index;
        }
        if let Some(bytes) = self.read(&proto::manifest::manifest_path(&self.feed))? {
            let manifest = Manifest::open(&bytes, &self.verifier, &self.feed)?;
            ensure!(manifest.number >= self.number, "the manifest went backwards");
            let listed: Vec<String> = manifest.bundles.into_iter().map(|bundle| bundle.path).collect();
            self.ensure_there(&listed)?;
            self.number = manifest.number;
        }
        for entry in std::fs::read_dir(self.root.join(self.feed.to_string())).into_iter().flatten() {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let path = format!("{}/{name}", self.feed);
            // Names that begin with a dot are the bucket's own: what is being written is nobody's business yet.
            if name.ends_with(".zip") && !name.starts_with('.') && !self.bundles.contains_key(&path) {
                self.bundles.insert(path.clone(), self.hash(&path)?);
            }
        }
        Ok(())
    }

    fn ensure_there(&self, paths: &[String]) -> anyhow::Result<()> {
        paths.iter().try_for_each(|path| {
            ensure!(
                self.bundles.contains_key(path) || self.root.join(path).is_file(),
                "{path} is listed and not there"
            );
            Ok(())
        })
    }

    fn hash(&self, path: &str) -> anyhow::Result<[u8; 32]> {
        Ok(Sha256::digest(self.read(path)?.with_context(|| format!("{path} is gone"))?).into())
    }

    fn read(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        read(&self.root.join(path))
    }
}

fn read(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why).with_context(|| path.display().to_string()),
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let objects: usize = self.shelves.iter().map(|shelf| shelf.bundles.len()).sum();
        write!(f, "{objects} objects watched, {} looks", self.looks)
    }
}
