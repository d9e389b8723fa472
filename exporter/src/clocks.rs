//! Comparing the clocks of the database, of this machine and of the buckets.
//!
//! Everything that is stored has the database's time, phones compare it with theirs, and what is too old is deleted for good. A clock that is far
//! off would publish keys before their time or take bundles away that are wanted: then nothing is done until somebody has set it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use proto::Timestamp;
use store::{Clock, KeyStore};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;

use crate::error::ExportError;
use crate::pass::NamedBucket;

/// How far clocks may be apart, in seconds.
const APART: i64 = 600;
/// How long a bucket is waited for. One that does not answer keeps the others no longer.
const SOON: Duration = Duration::from_secs(5);

/// What the clocks said when they were compared.
#[derive(Debug, Clone)]
pub(crate) struct Clocks {
    /// The database's time, rounded down to seconds.
    pub(crate) database: Timestamp,
    /// When it said so.
    pub(crate) read: Instant,
    /// By how many seconds the database is ahead of this machine, negative if it is behind.
    pub(crate) ahead: i64,
    /// The same of each bucket that told its time.
    pub(crate) buckets: BTreeMap<String, i64>,
}

impl Clocks {
    /// Asks them all. A bucket that does not answer is left out: whoever uses it next will hear why.
    ///
    /// # Errors
    /// The database does not answer.
    pub(crate) async fn compare(
        store: &dyn KeyStore,
        own: &Clock,
        buckets: &[NamedBucket],
    ) -> Result<Self, ExportError> {
        let (before, read) = (own.now(), Instant::now());
        let database = store.now().await?;
        let ahead = difference(before, database, own.now());
        let told = join_all(buckets.iter().map(|named| ahead_of(own, named))).await;
        let of_buckets = buckets.iter().zip(told).filter_map(|(named, ahead)| Some((named.name.clone(), ahead?)));
        let of_buckets = of_buckets.collect();
        Ok(Self { database, read, ahead, buckets: of_buckets })
    }

    /// # Errors
    /// [`ExportError::GiveUp`] if database and this machine are too far apart to do anything.
    pub(crate) fn ensure_ours(&self) -> Result<(), ExportError> {
        if self.ahead.abs() <= APART {
            return Ok(());
        }
        Err(ExportError::GiveUp(format!(
            "clocks: the database says {} and this machine {}; more than 10 minutes apart, nothing is sealed, published or deleted until they are set",
            shown(self.database),
            shown(self.own()),
        )))
    }

    /// # Errors
    /// [`ExportError::GiveUp`] if a bucket is too far from database or this machine to put or list anything there.
    pub(crate) fn ensure_bucket(&self, name: &str) -> Result<(), ExportError> {
        let Some(ahead) = self.buckets.get(name).copied().filter(|ahead| !self.agrees(*ahead)) else { return Ok(()) };
        let (other, whose) =
            if ahead.abs() > APART { (self.own(), "this machine") } else { (self.database, "the database") };
        Err(ExportError::GiveUp(format!(
            "clocks: bucket {name} says {} and {whose} {}; more than 10 minutes apart, nothing is sealed, and nothing is put, listed or deleted there \
             until they are set",
            shown(self.own().plus(ahead)),
            shown(other),
        )))
    }

    /// Whether every clock that was read agrees with every other well enough to seal.
    pub(crate) fn agree(&self) -> bool {
        self.ensure_ours().is_ok() && self.buckets.values().all(|ahead| self.agrees(*ahead))
    }

    fn agrees(&self, ahead: i64) -> bool {
        ahead.abs() <= APART && (ahead - self.ahead).abs() <= APART
    }

    fn own(&self) -> Timestamp {
        self.database.plus(-self.ahead)
    }
}

/// How far a bucket's clock is ahead; none if it does not tell its time, or not soon.
async fn ahead_of(own: &Clock, named: &NamedBucket) -> Option<i64> {
    let before = own.now();
    match timeout(SOON, named.bucket.clock()).await {
        // Where a test moves the clocks of program and database, the bucket's goes with them.
        Ok(Ok(told)) => told.map(|told| difference(before, told.plus(own.offset()), own.now())),
        Ok(Err(why)) => {
            tracing::debug!(bucket.name = named.name, error = %why, "the bucket's time is not known");
            None
        }
        Err(_) => None,
    }
}

/// How far a clock is ahead that was read between two readings of one's own: 0 if it may have said the same, however long the answer took.
fn difference(before: Timestamp, told: Timestamp, after: Timestamp) -> i64 {
    let (before, told, after) = (before.unix(), told.unix(), after.unix());
    if told < before { told.saturating_sub(before) } else { told.saturating_sub(after).max(0) }
}

/// A time for people: `2026-11-22T05:00:00Z`.
pub(crate) fn shown(time: Timestamp) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(time.unix()).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| time.unix().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(ahead: i64, bucket: i64) -> Clocks {
        let buckets = BTreeMap::from([("main".to_owned(), bucket)]);
        Clocks { database: Timestamp::from_unix(1_790_000_000), read: Instant::now(), ahead, buckets }
    }

    #[test]
    fn an_answer_that_took_long_moves_no_clock() {
        let at = Timestamp::from_unix;
        assert_eq!(difference(at(100), at(100), at(900)), 0);
        assert_eq!(difference(at(100), at(500), at(900)), 0);
        assert_eq!(difference(at(100), at(99), at(900)), -1);
        assert_eq!(difference(at(100), at(1_600), at(900)), 700);
    }

    #[test]
    fn ten_minutes_are_the_most_between_any_two() {
        for (ahead, bucket, ours, there) in [
            (0, 0, true, true),
            (600, 600, true, true),
            (-600, 0, true, true),
            (601, 601, false, false),
            (-601, 0, false, false),
            (0, 601, true, false),
            (300, -301, true, false),
        ] {
            let clocks = clocks(ahead, bucket);
            assert_eq!(clocks.ensure_ours().is_ok(), ours, "{ahead} {bucket}");
            assert_eq!(clocks.ensure_bucket("main").is_ok(), there, "{ahead} {bucket}");
            assert_eq!(clocks.agree(), ours && there, "{ahead} {bucket}");
            assert!(clocks.ensure_bucket("silent").is_ok());
        }
    }

    #[test]
    fn both_times_are_named() {
        let why = clocks(3_600, 0).ensure_ours().expect_err("an hour").to_string();
        assert!(
            why.contains("database says 2026-09-21T14:13:20Z") && why.contains("machine 2026-09-21T13:13:20Z"),
            "{why}"
        );
        let why = clocks(0, -3_600).ensure_bucket("main").expect_err("an hour").to_string();
        assert!(why.contains("bucket main says 2026-09-21T13:13:20Z and this machine 2026-09-21T14:13:20Z"), "{why}");
        let why = clocks(500, -500).ensure_bucket("main").expect_err("a thousand seconds").to_string();
        assert!(why.contains("and the database 2026-09-21T14:13:20Z"), "{why}");
    }
}
