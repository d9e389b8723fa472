//! "Check as an outside reader would": walks the public tree from index and manifest with nothing but the public keys.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use proto::bundle::{Bundle, BundleKey, Entries, Limits};
use proto::manifest::{ListedBundle, Manifest};
use proto::note::NoteVerifier;
use proto::{Feed, Timestamp};
use sha2::{Digest as _, Sha256};

/// Somebody who mirrors the public tree.
pub struct OutsideReader {
    /// The root of the tree.
    pub tree: PathBuf,
    /// Where the public keys stand: `{region}-{gaen,tcn,manifest}.pem`.
    pub keys: PathBuf,
}

/// A feed that passed every check.
pub struct CheckedFeed {
    /// Its bundles, oldest first.
    pub bundles: Vec<Bundle>,
    /// Their bytes, in the same order.
    pub zips: Vec<Vec<u8>>,
    /// The manifest that lists them.
    pub manifest: Manifest,
}

impl OutsideReader {
    /// Reads a feed from index and manifest to the last bundle and checks everything that can be checked from outside: signatures,
    /// hashes, counts, names, our own container byte for byte, gapless sequences, and that bundles touch and never share an end.
    ///
    /// # Errors
    /// What did not hold.
    pub fn check(&self, feed: &Feed) -> anyhow::Result<CheckedFeed> {
        self.check_after_recall(feed, None)
    }

    /// The same after a bundle was recalled, given what the manifest said of it: it leaves a gap, and for a day an object that nobody lists.
    ///
    /// # Errors
    /// What did not hold.
    pub fn check_after_recall(&self, feed: &Feed, recalled: Option<&ListedBundle>) -> anyhow::Result<CheckedFeed> {
        let index = proto::index::parse(&self.read(&proto::index::index_path(feed))?)?;
        let note = self.read(&proto::manifest::manifest_path(feed))?;
        let pem = self.pem(&format!("{}-manifest.pem", feed.region))?;
        let verifier = NoteVerifier::from_pem(&proto::manifest::note_name(&feed.region), &pem)?;
        let manifest = Manifest::open(&note, &verifier, feed)?;

        let listed: Vec<&String> = manifest.bundles.iter().map(|bundle| &bundle.path).collect();
        ensure!(index.iter().collect::<Vec<_>>() == listed, "index and manifest of {feed} differ");
        let mut checked = CheckedFeed { bundles: Vec::new(), zips: Vec::new(), manifest: manifest.clone() };
        for (position, path) in index.iter().enumerate() {
            let zip = self.read(path)?;
            let bundle = self.check_bundle(feed, &manifest, position, &zip).context(path.clone())?;
            checked.bundles.push(bundle);
            checked.zips.push(zip);
        }
        ensure_chain(&checked, recalled)?;
        self.ensure_nothing_else(feed, &checked.manifest, recalled)?;
        Ok(checked)
    }

    fn check_bundle(&self, feed: &Feed, manifest: &Manifest, position: usize, zip: &[u8]) -> anyhow::Result<Bundle> {
        let listed = &manifest.bundles[position];
        ensure!(zip.len() as u64 == listed.bytes, "another length than listed");
        ensure!(<[u8; 32]>::from(Sha256::digest(zip)) == listed.zip_sha256, "another hash than listed");
        let bundle = Bundle::read(zip, &Limits::default())?;
        ensure!(bundle.digest.0 == listed.export_sha256, "another export.bin than listed");
        ensure!(bundle.kind() == feed.kind && bundle.header.region == feed.region.as_str(), "of another feed");
        ensure!((bundle.header.start, bundle.header.end) == (listed.start, listed.end), "other times than listed");
        let (ordinary, revised) = counts(&bundle.entries);
        ensure!((ordinary, revised) == (listed.count, listed.revised), "other counts than listed");
        bundle.verify(&self.bundle_key(feed, &bundle)?)?;
        bundle.canonical(zip)?;
        Ok(bundle)
    }

    /// The key that a bundle names first: one that a rotation made has its version in the name of its file.
    fn bundle_key(&self, feed: &Feed, bundle: &Bundle) -> anyhow::Result<BundleKey> {
        let first = bundle.header.signing.first().context("a bundle names who signed it")?;
        let rotated = format!("{}-{}-{}.pem", feed.region, feed.kind, first.version);
        let name =
            if self.keys.join(&rotated).exists() { rotated } else { format!("{}-{}.pem", feed.region, feed.kind) };
        Ok(BundleKey::from_pem(&self.pem(&name)?)?)
    }

    /// No bundle lies about that is not listed, and no half-written file. One that was de-listed stays for a day: it is older than all that are
    /// listed, and the first of those is not the feed's first.
    fn ensure_nothing_else(
        &self,
        feed: &Feed,
        manifest: &Manifest,
        recalled: Option<&ListedBundle>,
    ) -> anyhow::Result<()> {
        let oldest = manifest.bundles.first().filter(|first| first.sequence > 1);
        for entry in fs::read_dir(self.tree.join(feed.to_string()))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let path = format!("{feed}/{name}");
            let listed = manifest.bundles.iter().any(|bundle| bundle.path == path);
            let delisted = oldest.is_some_and(|oldest| path < oldest.path)
                || recalled.is_some_and(|recalled| recalled.path == path);
            let known = ["index.txt", "manifest", "coepi"].contains(&name.as_str()) || listed || delisted;
            ensure!(known, "{path} is published but not listed");
        }
        Ok(())
    }

    fn read(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        fs::read(self.tree.join(path)).with_context(|| path.to_owned())
    }

    fn pem(&self, name: &str) -> anyhow::Result<String> {
        fs::read_to_string(self.keys.join(name)).with_context(|| name.to_owned())
    }

    /// Whether a feed has an index at all.
    pub fn is_published(&self, feed: &Feed) -> bool {
        Path::new(&self.tree).join(proto::index::index_path(feed)).exists()
    }
}

impl CheckedFeed {
    /// The 16 bytes of every key, or the signed bytes of every report, in the order of the bundles.
    pub fn contents(&self) -> Vec<Vec<u8>> {
        let of = |bundle: &Bundle| match &bundle.entries {
            Entries::Gaen { keys, .. } => keys.iter().map(|entry| entry.key.data().to_vec()).collect::<Vec<_>>(),
            Entries::Tcn { reports, .. } => reports.iter().map(|entry| entry.report.as_bytes().to_vec()).collect(),
        };
        self.bundles.iter().flat_map(of).collect()
    }

    /// Checks that the feed holds exactly these keys or reports, each once.
    ///
    /// # Errors
    /// What is missing, twice or too many, in numbers.
    pub fn ensure_exactly(&self, acknowledged: impl IntoIterator<Item = Vec<u8>>) -> anyhow::Result<()> {
        let (mut published, mut expected) = (self.contents(), acknowledged.into_iter().collect::<Vec<_>>());
        published.sort();
        expected.sort();
        let missing = expected.iter().filter(|content| published.binary_search(content).is_err()).count();
        let twice = published.windows(2).filter(|pair| pair[0] == pair[1]).count();
        ensure!(missing == 0 && twice == 0, "{missing} of {} missing, {twice} twice", expected.len());
        ensure!(published == expected, "{} published, {} acknowledged", published.len(), expected.len());
        Ok(())
    }

    /// The end of the last bundle.
    pub fn end(&self) -> Option<Timestamp> {
        self.bundles.last().map(|bundle| bundle.header.end)
    }
}

/// Bundles are numbered without a gap, touch, and never share an end.
fn ensure_chain(feed: &CheckedFeed, recalled: Option<&ListedBundle>) -> anyhow::Result<()> {
    let listed = feed.manifest.bundles.iter();
    ensure!(listed.clone().all(|listed| Some(listed) != recalled), "what was recalled is listed");
    let mut chain: Vec<&ListedBundle> = listed.chain(recalled).collect();
    chain.sort_by_key(|listed| listed.sequence);
    for listed in &feed.manifest.bundles {
        ensure!(listed.start < listed.end, "bundle {} ends before it starts", listed.sequence);
        ensure!(listed.from_sequence == listed.sequence, "bundle {} carries others", listed.sequence);
    }
    for pair in chain.windows(2) {
        ensure!(pair[1].sequence == pair[0].sequence + 1, "a gap after bundle {}", pair[0].sequence);
        ensure!(pair[1].start == pair[0].end, "bundles {} and the next do not touch", pair[0].sequence);
    }
    Ok(())
}

fn counts(entries: &Entries) -> (u64, u64) {
    match entries {
        Entries::Gaen { keys, revised } => (keys.len() as u64, revised.len() as u64),
        Entries::Tcn { reports, withdrawn } => (reports.len() as u64, withdrawn.len() as u64),
    }
}
