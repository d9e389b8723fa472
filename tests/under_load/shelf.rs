//! Somebody who remembers every object that was ever published.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use proto::Feed;
use proto::bundle::{Bundle, Entries, Limits};
use proto::manifest::Manifest;
use proto::note::NoteVerifier;
use sha2::{Digest as _, Sha256};
use stack::{Access, Stack};

/// What was seen of a feed.
pub(crate) struct Shelf {
    feed: Feed,
    verifier: NoteVerifier,
    /// What each bundle was when it appeared, and the keys in it.
    bundles: BTreeMap<String, ([u8; 32], Vec<Vec<u8>>)>,
    number: u64,
}

impl Shelf {
    pub(crate) fn open(access: &Access, feed: &Feed) -> anyhow::Result<Self> {
        let pem = std::fs::read_to_string(access.keys.join(format!("{}-manifest.pem", feed.region)))?;
        let verifier = NoteVerifier::from_pem(&proto::manifest::note_name(&feed.region), &pem)?;
        Ok(Self { feed: feed.clone(), verifier, bundles: BTreeMap::new(), number: 0 })
    }

    /// How many bundles were ever seen.
    pub(crate) fn len(&self) -> usize {
        self.bundles.len()
    }

    /// Looks at what is new; the keys that the newest list stands for.
    ///
    /// # Errors
    /// If a bundle is gone, a list went backwards or names what is not there, or a key is published twice.
    pub(crate) fn look(&mut self, stack: &Stack) -> anyhow::Result<BTreeSet<Vec<u8>>> {
        // What is listed was there before its list.
        let note = stack.object(&proto::manifest::manifest_path(&self.feed))?;
        let there: BTreeSet<String> = stack.paths()?.into_iter().filter(|path| path.ends_with(".zip")).collect();
        for path in &there {
            if self.bundles.contains_key(path) {
                continue;
            }
            let bytes = stack.object(path)?.with_context(|| format!("{path} is gone"))?;
            self.bundles.insert(path.clone(), (Sha256::digest(&bytes).into(), keys(&bytes)?));
        }
        for path in self.bundles.keys() {
            ensure!(there.contains(path), "{path} is gone");
        }
        let Some(note) = note else { return Ok(BTreeSet::new()) };
        let manifest = Manifest::open(&note, &self.verifier, &self.feed)?;
        ensure!(manifest.number >= self.number, "the manifest went backwards");
        self.number = manifest.number;
        let mut published = BTreeSet::new();
        for listed in &manifest.bundles {
            let (_, keys) = self.bundles.get(&listed.path).with_context(|| format!("{} is not there", listed.path))?;
            for key in keys {
                ensure!(published.insert(key.clone()), "a key is published twice");
            }
        }
        Ok(published)
    }
}

impl Shelf {
    /// Looks again at every bundle that was ever seen.
    ///
    /// # Errors
    /// If one has changed or is gone.
    pub(crate) fn ensure_unchanged(&self, stack: &Stack) -> anyhow::Result<()> {
        for (path, (first, _)) in &self.bundles {
            let bytes = stack.object(path)?.with_context(|| format!("{path} is gone"))?;
            ensure!(<[u8; 32]>::from(Sha256::digest(&bytes)) == *first, "{path} changed");
        }
        Ok(())
    }
}

fn keys(zip: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    match Bundle::read(zip, &Limits::default())?.entries {
        Entries::Gaen { keys, .. } => Ok(keys.iter().map(|entry| entry.key.data().to_vec()).collect()),
        Entries::Tcn { .. } => Ok(Vec::new()),
    }
}
