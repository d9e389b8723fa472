//! Where every feed and every bucket stands, for people and for monitoring. Nothing is sealed, published or deleted for it.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use proto::manifest::{Manifest, manifest_path, note_name};
use proto::note::NoteVerifier;
use proto::{Feed, Kind, Timestamp};
use serde::Serialize;
use store::{BundleRow, KeyStore};

use crate::clocks::Clocks;
use crate::error::ExportError;
use crate::keys::{KeyPurpose, public_file};
use crate::pass::{NamedBucket, object_path};
use crate::report::{ClocksReport, Failure};
use crate::run::Exporter;

mod text;

/// A feed that is due and has enough is sealed within a quarter of an hour by whoever runs; after so many seconds nobody does.
const OVERDUE: i64 = 20 * 60;

/// What every feed stands at.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The database's time, in UTC seconds.
    pub now: i64,
    /// How far the clocks are apart.
    pub clocks: ClocksReport,
    /// Feed by feed, by path.
    pub feeds: Vec<FeedStatus>,
    /// What is wrong outside the feeds.
    pub failures: Vec<Failure>,
}

/// What one feed stands at. Times are UTC seconds.
#[derive(Debug, Clone, Serialize)]
pub struct FeedStatus {
    /// The feed's path.
    pub feed: String,
    /// What the entries are called.
    #[serde(skip)]
    pub kind: Kind,
    /// Its number in the database.
    pub number: u64,
    /// How many bundles that number lists.
    pub bundles: usize,
    /// Entries that may be released and wait.
    pub waiting: u64,
    /// Whether they wait because they are fewer than the minimum.
    pub held: bool,
    /// When filler makes up for what is missing, if they are held.
    pub held_until: Option<i64>,
    /// The minimum.
    pub minimum: u32,
    /// Since when the oldest of them could have been released.
    pub oldest: Option<i64>,
    /// Revised entries that may be released and wait.
    pub revised_waiting: u64,
    /// Entries that may not be released yet.
    pub unripe: u64,
    /// The end of the newest listed bundle.
    pub newest: Option<i64>,
    /// Its age, in seconds.
    pub age: Option<i64>,
    /// When the feed's next period begins.
    pub next_boundary: i64,
    /// Whether it should have been sealed by now: nobody seems to run.
    pub overdue: bool,
    /// Bucket by bucket, in the order of the settings.
    pub buckets: Vec<BucketStatus>,
    /// What is wrong outside the buckets.
    pub failures: Vec<Failure>,
}

/// What one bucket holds of a feed.
#[derive(Debug, Clone, Serialize)]
pub struct BucketStatus {
    /// The bucket's name.
    pub bucket: String,
    /// The number of its manifest, 0 if it has none; none if it did not say.
    pub number: Option<u64>,
    /// How many numbers it is behind the database.
    pub behind: Option<u64>,
    /// The sequences of the listed bundles that it does not hold; none if it did not say.
    pub missing: Option<Vec<u64>>,
    /// Whether the manifest's signature was checked: the region's public key has to be at hand.
    pub verified: bool,
    /// What is wrong with it.
    pub failures: Vec<Failure>,
}

impl Status {
    /// The exit code of `exporter status`: 0 if all is well, 1 if something is behind or does not answer, 2 if somebody has to look.
    pub fn exit_code(&self) -> u8 {
        let failures = self.feeds.iter().flat_map(|feed| {
            let of_buckets = feed.buckets.iter().flat_map(|bucket| &bucket.failures);
            feed.failures.iter().chain(of_buckets)
        });
        Failure::exit_code_of(failures.chain(&self.failures))
            .max(u8::from(self.feeds.iter().any(FeedStatus::is_behind)))
    }
}

impl FeedStatus {
    fn is_behind(&self) -> bool {
        self.overdue || self.buckets.iter().any(BucketStatus::is_behind)
    }
}

impl BucketStatus {
    fn is_behind(&self) -> bool {
        self.behind.is_none_or(|behind| behind > 0) || self.missing.as_ref().is_none_or(|missing| !missing.is_empty())
    }
}

impl Exporter {
    /// Looks at everything and changes nothing. Private keys are not needed.
    ///
    /// # Errors
    /// The database does not answer, or the settings name a feed that does not exist.
    pub async fn status(&self) -> Result<Status, ExportError> {
        let clocks = self.compare_clocks().await?;
        let ours = clocks.ensure_ours();
        let (now, mut feeds) = (clocks.database.unix(), Vec::new());
        for feed in self.feeds().await? {
            feeds.push(self.feed_status(&feed, &clocks).await?);
        }
        let failures = ours.err().map(Into::into).into_iter().collect();
        Ok(Status { now, clocks: (&clocks).into(), feeds, failures })
    }

    async fn feed_status(&self, feed: &Feed, clocks: &Clocks) -> Result<FeedStatus, ExportError> {
        let (store, settings, now) = (self.store(), self.settings(), clocks.database);
        let (waiting, standing) = (store.waiting(feed).await?, store.standing(feed).await?);
        let rows = store.newest_listing(feed).await?.bundles;
        let policy = settings.policy(feed);
        let is_held = waiting.releasable > 0 && waiting.releasable < u64::from(policy.minimum);
        let longest = i64::try_from(policy.max_hold.as_secs()).unwrap_or(i64::MAX);
        let late = now.plus(-OVERDUE);
        let newest = rows.last().map(|row| row.end.unix());

        let mut failures = Vec::new();
        let verifier = verifier(&settings.signing_key_dir, feed).unwrap_or_else(|why| {
            failures.push(why.into());
            None
        });
        let mut buckets = Vec::new();
        for named in self.buckets() {
            let mut status = bucket_status(store, (feed, verifier.as_ref()), (named, standing.number), &rows).await;
            status.failures.extend(clocks.ensure_bucket(&named.name).err().map(Into::into));
            buckets.push(status);
        }
        Ok(FeedStatus {
            feed: feed.to_string(),
            kind: feed.kind,
            number: standing.number,
            bundles: rows.len(),
            waiting: waiting.releasable,
            held: is_held,
            held_until: waiting.oldest.filter(|_| is_held).map(|oldest| oldest.plus(longest).unix()),
            minimum: policy.minimum,
            oldest: waiting.oldest.map(Timestamp::unix),
            revised_waiting: waiting.revised,
            unripe: waiting.unripe,
            newest,
            age: newest.map(|end| now.unix().saturating_sub(end)),
            next_boundary: policy.next_boundary(now).unix(),
            overdue: waiting.releasable >= u64::from(policy.minimum)
                && waiting.oldest.is_some_and(|oldest| oldest <= late)
                && standing.last_end < policy.boundary(late),
            buckets,
            failures,
        })
    }
}

async fn bucket_status(
    store: &dyn KeyStore,
    (feed, verifier): (&Feed, Option<&NoteVerifier>),
    (named, number): (&NamedBucket, u64),
    rows: &[BundleRow],
) -> BucketStatus {
    let mut status = BucketStatus {
        bucket: named.name.clone(),
        number: None,
        behind: None,
        missing: None,
        verified: false,
        failures: Vec::new(),
    };
    match manifest_number(named, feed, verifier).await {
        Ok(there) => {
            (status.number, status.behind) = (Some(there), Some(number.saturating_sub(there)));
            status.verified = verifier.is_some() && there > 0;
            if there > number {
                let what = format!("bucket {} stands at number {there}, and the database at {number}", named.name);
                let why = format!("{feed}: {what}: was the database restored from a copy? See: exporter adopt --help");
                status.failures.push(ExportError::Corrupt(why).into());
            }
        }
        Err(why) => status.failures.push(why.into()),
    }
    match missing(store, feed, named, rows).await {
        Ok(missing) => status.missing = Some(missing),
        // One that does not answer has said so already.
        Err(_) if !status.failures.is_empty() => {}
        Err(why) => status.failures.push(why.into()),
    }
    status
}

/// The number at which a bucket's manifest stands; 0 if it has none.
async fn manifest_number(
    named: &NamedBucket,
    feed: &Feed,
    verifier: Option<&NoteVerifier>,
) -> Result<u64, ExportError> {
    let path = object_path(&manifest_path(feed))?;
    let Some(object) = named.bucket.get(&path).await? else { return Ok(0) };
    let manifest = match verifier {
        Some(verifier) => Manifest::open(&object.bytes, verifier, feed),
        // The text ends where an empty line parts it from the signatures.
        None => {
            let note = String::from_utf8_lossy(&object.bytes);
            let text = note.find("\n\n").map_or(&*note, |at| &note[..=at]);
            Manifest::parse(text)
        }
    };
    let manifest = manifest
        .map_err(|why| ExportError::Corrupt(format!("{path} in bucket {} is none of ours: {why}", named.name)))?;
    Ok(manifest.number)
}

/// Which of `rows` a bucket does not hold: they were never noted as put there, or stand there no more in full size.
async fn missing(
    store: &dyn KeyStore,
    feed: &Feed,
    named: &NamedBucket,
    rows: &[BundleRow],
) -> Result<Vec<u64>, ExportError> {
    let noted: BTreeSet<u64> = store.puts(feed, &named.name).await?.into_iter().collect();
    let there = named.bucket.list(&object_path(&feed.to_string())?).await?;
    let mut missing = Vec::new();
    for row in rows {
        let size = there.get(&object_path(&proto::index::bundle_path(feed, row.start, row.end))?);
        let is_whole = row.derived.as_ref().is_some_and(|derived| size == Some(&derived.zip_bytes));
        if !is_whole || !noted.contains(&row.sequence) {
            missing.push(row.sequence);
        }
    }
    Ok(missing)
}

/// The key that checks a feed's manifests, if its public half is at hand.
fn verifier(directory: &Path, feed: &Feed) -> Result<Option<NoteVerifier>, ExportError> {
    let path = public_file(directory, &feed.region, KeyPurpose::Manifest);
    let unreadable = |why: String| ExportError::GiveUp(format!("{}: {why}", path.display()));
    let pem = match fs::read_to_string(&path) {
        Ok(pem) => pem,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(unreadable(why.to_string())),
    };
    NoteVerifier::from_pem(&note_name(&feed.region), &pem).map(Some).map_err(|why| unreadable(why.to_string()))
}
