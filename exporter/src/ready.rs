//! The object `ready`, one a bucket: whether phones may be sent there.
//!
//! It is there while the bucket stands, in every feed, where the foremost of all buckets stands, and is taken away before others go ahead of it: so
//! a CDN or load balancer that probes it sends no phone from a newer index back to an older one. A bucket that cannot be reached keeps its last
//! one; the time and the numbers in it tell how old that is. Its lines:
//!
//! ```text
//! pratique/ready/v1
//! time UTC-SECONDS
//! feed PATH NUMBER
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use proto::{Feed, Timestamp};
use store::KeyStore;
use tokio::time::timeout;

use crate::bucket::{ObjectPath, Replaced};
use crate::error::ExportError;
use crate::pass::{NamedBucket, object_path};
use crate::report::FeedReport;
use crate::steps::{Observer, Subject, take};
use crate::stop::Stop;

/// Where it stands in a bucket.
pub const PATH: &str = "ready";

/// How long a bucket is waited for that did well a moment ago.
const SOON: Duration = Duration::from_secs(30);

/// Takes it away.
pub(crate) async fn remove((observer, stop): (&Observer, &Stop), named: &NamedBucket) -> Result<(), ExportError> {
    let _running = stop.begin().await;
    take(observer, "ready.delete", about(named), named.bucket.delete(&path()?)).await
}

/// What is around a pass over all feeds.
pub(crate) struct Around<'a> {
    pub(crate) observer: &'a Observer,
    pub(crate) stop: &'a Stop,
    pub(crate) store: &'a dyn KeyStore,
}

/// After a pass over all feeds: says of each bucket that it is ready, if it stands nowhere behind another. The failures, with the buckets' names.
pub(crate) async fn announce(
    around: Around<'_>,
    buckets: &[NamedBucket],
    feeds: &[FeedReport],
    now: Timestamp,
) -> Vec<(String, ExportError)> {
    let mut failures = Vec::new();
    for named in buckets {
        let Some(standing) = standing(feeds, &named.name) else { continue };
        let said = timeout(SOON, write(&around, named, (&standing, now))).await;
        let slow = || Err(ExportError::Retry(format!("bucket {}: ready was not written in time", named.name)));
        failures.extend(said.unwrap_or_else(|_| slow()).err().map(|why| (named.name.clone(), why)));
    }
    failures
}

/// Where a bucket stands, by the paths of feeds, and the number that the pass saw in the database; none if another bucket is ahead of it, or if
/// nobody knows.
fn standing(feeds: &[FeedReport], bucket: &str) -> Option<BTreeMap<Feed, Standing>> {
    let mut standing = BTreeMap::new();
    for feed in feeds {
        // Nothing was listed anywhere, for instance because a key is missing: then nobody went ahead either.
        let Some(foremost) = feed.buckets.iter().filter_map(|report| report.number).max() else { continue };
        let here = feed.buckets.iter().find(|report| report.bucket == bucket)?;
        let number = here.number.filter(|number| *number == foremost)?;
        standing.insert(feed.feed.parse().ok()?, Standing { number, known: feed.number.max(number) });
    }
    Some(standing)
}

/// Where a bucket stands in one feed, and the newest number that was known.
struct Standing {
    number: u64,
    known: u64,
}

async fn write(
    Around { observer, stop, store, .. }: &Around<'_>,
    named: &NamedBucket,
    (standing, now): (&BTreeMap<Feed, Standing>, Timestamp),
) -> Result<(), ExportError> {
    let path = path()?;
    // Read before the database is asked: whoever goes ahead from now on takes a number first, and ready away after that.
    let there = named.bucket.get(&path).await?;
    if has_moved(*store, standing).await? {
        return Ok(());
    }
    let text = render(standing, now);
    let replaced = named.bucket.replace(&path, text.as_bytes(), there.as_ref().map(|object| &object.version));
    let running = stop.begin().await;
    let outcome = take(observer, "ready.replace", about(named), replaced).await?;
    drop(running);
    match outcome {
        Replaced::Done if has_moved(*store, standing).await? => remove((observer, stop), named).await,
        Replaced::Done | Replaced::Lost => Ok(()),
    }
}

/// Whether another exporter has sealed something since, and so will have its own word on who is ready.
async fn has_moved(store: &dyn KeyStore, standing: &BTreeMap<Feed, Standing>) -> Result<bool, ExportError> {
    for (feed, standing) in standing {
        if store.number(feed).await? > standing.known {
            return Ok(true);
        }
    }
    Ok(false)
}

fn render(standing: &BTreeMap<Feed, Standing>, now: Timestamp) -> String {
    let mut text = format!("pratique/ready/v1\ntime {}\n", now.unix());
    for (feed, standing) in standing {
        // Writing to a string does not fail.
        let _ = writeln!(text, "feed {feed} {}", standing.number);
    }
    text
}

fn about(named: &NamedBucket) -> Subject<'_> {
    Subject { feed: None, sequence: None, bucket: Some(&named.name) }
}

fn path() -> Result<ObjectPath, ExportError> {
    object_path(PATH)
}
