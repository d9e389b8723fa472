//! The last step: moving a bucket's manifest and index forward to the highest number whose bundles it holds in full.

use std::collections::BTreeSet;
use std::fmt::Display;

use proto::Feed;
use proto::index::{self, index_path};
use proto::manifest::{ListedBundle, Manifest, manifest_path};
use proto::note::NoteVerifier;
use store::{BundleRow, Listing, StoreError};

use crate::bucket::{Object, Replaced};
use crate::error::ExportError;
use crate::pass::{NamedBucket, Pass, object_path};
use crate::stand::Stand;

/// How often a race with other exporters is run again before the next pass takes over.
const ATTEMPTS: usize = 8;

/// Where a bucket stands after a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The number of its manifest; 0 if it has none.
    pub(crate) number: u64,
    /// How many bundles that number lists.
    pub(crate) bundles: usize,
    /// Whether this pass moved it.
    pub(crate) moved: bool,
}

/// Moves the manifest and then the index of a bucket, each by compare-and-set, never backwards and never past a bundle that is missing. `stand` is
/// what the bucket said when the pass began; if it was moved since, it is read again.
///
/// # Errors
/// [`ExportError::Corrupt`] if the bucket says something else at the same number, or is ahead of the database.
pub(crate) async fn list(
    pass: &Pass<'_>,
    bucket: &NamedBucket,
    held: &BTreeSet<u64>,
    mut stand: Stand,
) -> Result<Standing, ExportError> {
    let mut moved = false;
    for _ in 0..ATTEMPTS {
        let attempted = attempt(pass, bucket, held, &stand).await?;
        if let Some(standing) = attempted.filter(|standing| !standing.moved) {
            return Ok(Standing { moved, ..standing });
        }
        // Whoever overtook us while we stood still may have had an index that says what it said before we came, and nothing to replace: ours went
        // over it, and names what is listed no more. The number tells.
        stand = Stand::read(pass, bucket).await?;
        if let Some(standing) = attempted {
            moved = true;
            if stand.number() == standing.number {
                return Ok(standing);
            }
        }
    }
    Err(ExportError::Retry(format!("{}: other exporters keep moving bucket {}", pass.feed, bucket.name)))
}

/// One attempt; none if another exporter was faster.
async fn attempt(
    pass: &Pass<'_>,
    bucket: &NamedBucket,
    held: &BTreeSet<u64>,
    stand: &Stand,
) -> Result<Option<Standing>, ExportError> {
    let there = stand.number();
    let Some(listing) = highest(pass, there, held).await? else {
        let behind = Standing { number: there, bundles: lines(stand.index.as_ref()), moved: false };
        return Ok(Some(behind));
    };
    let mut standing = Standing { number: listing.number, bundles: listing.bundles.len(), moved: false };
    let manifest_there = stand.manifest.as_ref().map(|(object, _)| object);
    let same_number = manifest_there.filter(|_| there == listing.number);
    let lists = Lists::render(pass, &listing, same_number).await?;
    let verifier = pass.keys.verifier(pass.feed)?;
    if same_number.is_some_and(|object| verifier.open(&object.bytes) != verifier.open(lists.manifest.as_bytes())) {
        let (path, what) = (manifest_path(pass.feed), "says something else than the database at the same number");
        return Err(ExportError::Corrupt(format!("{path} in bucket {} {what}; it was left as it is", bucket.name)));
    }
    if same_number.is_none_or(|object| object.bytes != lists.manifest.as_bytes()) {
        if !lists.replace_manifest(pass, bucket, manifest_there).await? {
            return Ok(None);
        }
        standing.moved = true;
    }
    if stand.index.as_ref().is_none_or(|object| object.bytes != lists.index.as_bytes()) {
        if !lists.replace_index(pass, bucket, stand.index.as_ref()).await? {
            return Ok(None);
        }
        standing.moved = true;
    }
    let noted = pass.store.record_listed(pass.feed, listing.number, &bucket.name);
    pass.step("feed.record", None, Some(bucket), noted).await?;
    Ok(Some(standing))
}

/// The listing with the highest number, not below `there`, of which the bucket holds every bundle; none if there is none.
pub(crate) async fn highest(pass: &Pass<'_>, there: u64, held: &BTreeSet<u64>) -> Result<Option<Listing>, ExportError> {
    let mut number = pass.store.number(pass.feed).await?;
    if there > number {
        return Err(ExportError::Corrupt(format!(
            "{}: the bucket stands at number {there} and the database at {number}: was the database restored from a copy?",
            pass.feed
        )));
    }
    while number >= there.max(1) {
        let listing = match pass.store.listing(pass.feed, number).await {
            // Something that was listed here has died since, so that nobody can tell any more what this number said.
            Err(StoreError::NotFound(_)) => break,
            listing => listing?,
        };
        if listing.bundles.iter().all(|row| row.derived.is_some() && held.contains(&row.sequence)) {
            return Ok(Some(listing));
        }
        number -= 1;
    }
    Ok(None)
}

/// A manifest and the index that says the same.
pub(crate) struct Lists {
    /// Signed.
    pub(crate) manifest: String,
    /// As it stands in the bucket.
    pub(crate) index: String,
}

impl Lists {
    /// What both say at a number. Readers take it, or there is an error. If `there` says the same and every manifest key has signed it, it is the
    /// manifest and nobody is asked to sign: at the same number signatures differ only while a manifest key is being replaced.
    pub(crate) async fn render(
        pass: &Pass<'_>,
        listing: &Listing,
        there: Option<&Object>,
    ) -> Result<Self, ExportError> {
        if let Some(row) = listing.bundles.iter().find(|row| row.derived.is_none()) {
            return Err(ExportError::Corrupt(format!("{}: bundle {} was never derived", row.feed, row.sequence)));
        }
        let manifest = manifest_of(listing, pass.feed);
        let paths: Vec<String> = manifest.bundles.iter().map(|bundle| bundle.path.clone()).collect();
        let (text, verifier) = (manifest.render(), pass.keys.verifier(pass.feed)?);
        let stands = there.and_then(|object| std::str::from_utf8(&object.bytes).ok()).filter(|note| {
            verifier.open(note.as_bytes()) == Ok(&*text) && pass.keys.have_all_signed(pass.feed, note.as_bytes())
        });
        let manifest = match stands {
            Some(note) => note.to_owned(),
            None => pass.keys.sign_manifest(pass.feed, &text).await?,
        };
        let lists = Self { manifest, index: index::render(&paths) };
        check(pass.feed, &verifier, lists.manifest.as_bytes(), lists.index.as_bytes())?;
        Ok(lists)
    }

    /// Writes the manifest if what stands there is as it was read; false if it is not.
    pub(crate) async fn replace_manifest(
        &self,
        pass: &Pass<'_>,
        bucket: &NamedBucket,
        there: Option<&Object>,
    ) -> Result<bool, ExportError> {
        let path = object_path(&manifest_path(pass.feed))?;
        let replaced = bucket.bucket.replace(&path, self.manifest.as_bytes(), there.map(|object| &object.version));
        Ok(pass.step("manifest.replace", None, Some(bucket), replaced).await? == Replaced::Done)
    }

    /// The same for the index, which comes second: whoever reads it finds its bundles in the manifest.
    pub(crate) async fn replace_index(
        &self,
        pass: &Pass<'_>,
        bucket: &NamedBucket,
        there: Option<&Object>,
    ) -> Result<bool, ExportError> {
        let path = object_path(&index_path(pass.feed))?;
        let replaced = bucket.bucket.replace(&path, self.index.as_bytes(), there.map(|object| &object.version));
        Ok(pass.step("index.replace", None, Some(bucket), replaced).await? == Replaced::Done)
    }
}

/// What a manifest says at a number. What was not derived is left out.
pub(crate) fn manifest_of(listing: &Listing, feed: &Feed) -> Manifest {
    let bundles = listing.bundles.iter().filter_map(listed).collect();
    let (feed, keys, gateways) = (feed.clone(), listing.keys.clone(), listing.gateways.clone());
    Manifest { feed, number: listing.number, time: listing.time, keys, gateways, bundles }
}

/// A bundle's line; none before it is derived.
pub(crate) fn listed(row: &BundleRow) -> Option<ListedBundle> {
    let derived = row.derived.as_ref()?;
    Some(ListedBundle {
        sequence: row.sequence,
        from_sequence: row.from_sequence,
        start: row.start,
        end: row.end,
        count: row.count,
        revised: row.revised,
        bytes: derived.zip_bytes,
        zip_sha256: derived.zip_sha256,
        export_sha256: derived.export_sha256,
        format: row.format,
        path: index::bundle_path(&row.feed, row.start, row.end),
    })
}

/// Whether readers take a list before it replaces one that they take: what is too long for them would stop every phone at once.
fn check(feed: &Feed, verifier: &NoteVerifier, manifest: &[u8], index: &[u8]) -> Result<(), ExportError> {
    let read = Manifest::open(manifest, verifier, feed).and_then(|manifest| Ok((manifest, index::parse(index)?)));
    let refused = |why: &dyn Display| {
        ExportError::GiveUp(format!("{feed}: phones would refuse the new list, so the old one stays: {why}"))
    };
    let (manifest, paths) = read.map_err(|why| refused(&why))?;
    let same = manifest.bundles.iter().map(|bundle| &bundle.path).eq(&paths);
    if same { Ok(()) } else { Err(refused(&"index and manifest differ")) }
}

fn lines(index: Option<&Object>) -> usize {
    index.and_then(|object| index::parse(&object.bytes).ok()).map_or(0, |paths| paths.len())
}

#[cfg(test)]
mod tests {
    use proto::Timestamp;
    use proto::note::NoteSigner;

    use super::*;

    fn line(feed: &Feed, sequence: u64) -> ListedBundle {
        let start = Timestamp::from_unix(1_700_000_000 + sequence.cast_signed());
        let (zip_sha256, export_sha256, end) = ([1; 32], [2; 32], start.plus(1));
        let path = index::bundle_path(feed, start, end);
        let (from_sequence, count, revised, bytes, format) = (sequence, 1, 0, 400, 1);
        ListedBundle {
            sequence,
            from_sequence,
            start,
            end,
            count,
            revised,
            bytes,
            zip_sha256,
            export_sha256,
            format,
            path,
        }
    }

    /// The verdict on a list of so many bundles, with an index that leaves some of them out.
    fn verdict(bundles: u64, left_out: usize) -> Result<(), ExportError> {
        let feed: Feed = "NO/gaen".parse().expect("a feed");
        let notes = NoteSigner::new("pratique/NO", ed25519_dalek::SigningKey::from_bytes(&[3; 32])).expect("a name");
        let bundles: Vec<ListedBundle> = (1..=bundles).map(|sequence| line(&feed, sequence)).collect();
        let paths: Vec<String> = bundles.iter().skip(left_out).map(|bundle| bundle.path.clone()).collect();
        let (time, keys, gateways) = (Timestamp::from_unix(1), Vec::new(), Vec::new());
        let manifest = Manifest { feed: feed.clone(), number: 1, time, keys, gateways, bundles };
        let note = notes.sign(&manifest.render()).expect("signs");
        check(&feed, &notes.verifier(), note.as_bytes(), index::render(&paths).as_bytes())
    }

    #[test]
    fn a_list_that_readers_would_refuse_replaces_none_that_they_take() {
        assert!(verdict(0, 0).is_ok());
        assert!(verdict(10_000, 0).is_ok());
        let too_long = verdict(10_001, 0).expect_err("longer than readers read").to_string();
        assert!(too_long.contains("NO/gaen") && too_long.contains("10,000 lines"), "{too_long}");
        assert!(verdict(3, 1).is_err());
    }
}
