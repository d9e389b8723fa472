//! Somebody who remembers every object that was ever published.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use proto::Feed;
use proto::bundle::{Bundle, Entries, Limits};
use proto::manifest::Manifest;
use proto::note::NoteVerifier;
use sha2::{Digest as _, Sha256};
use stack::{Access, Stack};

/// What was seen of the feeds of a region.
pub(crate) struct Shelf {
    /// Each with the number of its last list.
    feeds: Vec<(Feed, u64)>,
    verifier: NoteVerifier,
    /// What each bundle was when it appeared, and the keys or reports in it.
    bundles: BTreeMap<String, ([u8; 32], Vec<Vec<u8>>)>,
}

impl Shelf {
    pub(crate) fn open(access: &Access, feeds: &[Feed]) -> anyhow::Result<Self> {
        let region = access.region.parse()?;
        let pem = std::fs::read_to_string(access.keys.join(format!("{region}-manifest.pem")))?;
        let verifier = NoteVerifier::from_pem(&proto::manifest::note_name(&region), &pem)?;
        let feeds = feeds.iter().map(|feed| (feed.clone(), 0)).collect();
        Ok(Self { feeds, verifier, bundles: BTreeMap::new() })
    }

    /// How many bundles were ever seen.
    pub(crate) fn len(&self) -> usize {
        self.bundles.len()
    }

    /// Looks at what is new; the keys and reports that the newest lists stand for.
    ///
    /// # Errors
    /// If a bundle is gone, a list went backwards or names what is not there, or a key is published twice.
    pub(crate) fn look(&mut self, stack: &Stack) -> anyhow::Result<BTreeSet<Vec<u8>>> {
        // What is listed was there before its list.
        let note = |(feed, _): &(Feed, u64)| stack.object(&proto::manifest::manifest_path(feed));
        let notes = self.feeds.iter().map(note).collect::<anyhow::Result<Vec<_>>>()?;
        let there: BTreeSet<String> = stack.paths()?.into_iter().filter(|path| path.ends_with(".zip")).collect();
        for path in &there {
            if self.bundles.contains_key(path) {
                continue;
            }
            let bytes = stack.object(path)?.with_context(|| format!("{path} is gone"))?;
            self.bundles.insert(path.clone(), (Sha256::digest(&bytes).into(), entries(&bytes)?));
        }
        for path in self.bundles.keys() {
            ensure!(there.contains(path), "{path} is gone");
        }
        let mut published = BTreeSet::new();
        for ((feed, number), note) in self.feeds.iter_mut().zip(notes) {
            let Some(note) = note else { continue };
            let manifest = Manifest::open(&note, &self.verifier, feed)?;
            ensure!(manifest.number >= *number, "the manifest of {feed} went backwards");
            *number = manifest.number;
            for listed in &manifest.bundles {
                let known = self.bundles.get(&listed.path);
                let (_, entries) = known.with_context(|| format!("{} is not there", listed.path))?;
                for entry in entries {
                    ensure!(published.insert(entry.clone()), "something of {feed} is published twice");
                }
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

fn entries(zip: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    match Bundle::read(zip, &Limits::default())?.entries {
        Entries::Gaen { keys, .. } => Ok(keys.iter().map(|entry| entry.key.data().to_vec()).collect()),
        Entries::Tcn { reports, .. } => Ok(reports.iter().map(|entry| entry.report.as_bytes().to_vec()).collect()),
    }
}
