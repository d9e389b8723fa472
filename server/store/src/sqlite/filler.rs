//! `Filler` on SQLite: what people of a feed look like.

use async_trait::async_trait;
use proto::bundle::TcnEntry;
use proto::{Feed, Interval, Kind, Timestamp};
use rusqlite::{Row, Transaction, params};

use super::column::{at, corrupt, integer, number, report_type, time, value};
use super::feeds;
use super::key_store::SqliteKeyStore;
use super::{gaen, tcn};
use crate::bundles::Member;
use crate::error::StoreError;
use crate::filler::{Filler, FillerMark, Holds, Place, SampleBounds, Sampled, SampledKey, newest};
use crate::keys::{OnsetSource, Origin, Provenance, RawKey, RevisionProof};

#[async_trait]
impl Filler for SqliteKeyStore {
    async fn holds(&self, feed: &Feed) -> Result<Holds, StoreError> {
        let (feed, clock) = (feed.clone(), self.clock.clone());
        let count = move |tx: &Transaction<'_>| holds(tx, (&feed, feeds::find(tx, &feed)?.id), clock.now());
        self.pool.read("filler::holds", count).await
    }

    async fn sampled_keys(&self, feed: &Feed, bounds: SampleBounds) -> Result<Vec<Sampled<SampledKey>>, StoreError> {
        let feed = feed.clone();
        self.pool.read("filler::sampled_keys", move |tx| sample(tx, &feed, bounds, &KEYS)).await
    }

    async fn sampled_reports(&self, feed: &Feed, bounds: SampleBounds) -> Result<Vec<Sampled<TcnEntry>>, StoreError> {
        let feed = feed.clone();
        self.pool.read("filler::sampled_reports", move |tx| sample(tx, &feed, bounds, &REPORTS)).await
    }

    async fn filler_marks(&self) -> Result<Vec<FillerMark>, StoreError> {
        self.pool.read("filler::marks", marks).await
    }
}

fn marks(tx: &Transaction<'_>) -> Result<Vec<FillerMark>, StoreError> {
    const SQL: &str = "-- filler::marks
        SELECT DISTINCT filler_mark FROM bundle WHERE filler_mark IS NOT NULL";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([])?;
    let mut marks = Vec::new();
    while let Some(row) = rows.next()? {
        marks.push(FillerMark(value(row, 0)?));
    }
    Ok(marks)
}

/// What may be released in a feed, and since when.
pub(super) fn holds(tx: &Transaction<'_>, (feed, id): (&Feed, i64), now: Timestamp) -> Result<Holds, StoreError> {
    const KEYS: &str = "-- gaen_waiting::holds
        SELECT count(*) FILTER (WHERE revision = 0), min(release_at) FILTER (WHERE revision = 0),
               count(*) FILTER (WHERE revision > 0), min(release_at) FILTER (WHERE revision > 0)
        FROM gaen_waiting WHERE feed = ?1 AND release_at <= ?2";
    const REPORTS: &str = "-- tcn_waiting::holds
        SELECT count(*) FILTER (WHERE revision = 0), min(release_at) FILTER (WHERE revision = 0),
               count(*) FILTER (WHERE revision > 0), min(release_at) FILTER (WHERE revision > 0)
        FROM tcn_waiting WHERE feed = ?1 AND release_at <= ?2";
    let sql = if feed.kind == Kind::Gaen { KEYS } else { REPORTS };
    let read = |row: &Row<'_>| {
        let since = |index| Ok::<_, StoreError>(value::<Option<i64>>(row, index)?.map(Timestamp::from_unix));
        let (oldest, oldest_revised) = (since(1)?, since(3)?);
        Ok(Holds { now, ordinary: number(row, 0)?, oldest, revised: number(row, 2)?, oldest_revised })
    };
    let counted = tx.prepare_cached(sql)?.query_row([id, now.unix()], |row| Ok(read(row)))?;
    counted.map_err(at(format_args!("{feed}")))
}

/// How one kind is sampled. Rows begin with what its members are read from; the rest begins at `rest`.
struct Sampling<T> {
    /// What waits in a feed (first parameter): members, authority, kid, origin, policy version, the hour of receipt while it is fresh, the moment of
    /// its release, its revision, feeds; then what else the kind has.
    waiting: &'static str,
    /// What is sealed in a feed from a bundle (second parameter) on: members, authority, kid, origin, policy version, when its bundle was sealed,
    /// sequence, start, whether it was revised; then what else the kind has.
    sealed: &'static str,
    /// Where authority and so on begin.
    rest: usize,
    read: fn(&Row<'_>) -> Result<T, StoreError>,
}

const KEYS: Sampling<SampledKey> = Sampling {
    waiting: "-- filler::waiting_keys
        SELECT waiting.revision > 0, class, waiting.key, waiting.rolling_start, waiting.rolling_period, transmission_risk, report_type,
               days_since_onset, authority, kid, origin, policy_version, received_hour, release_at, waiting.revision,
               (SELECT group_concat(path, ' ') FROM (SELECT path FROM feed
                WHERE id IN (SELECT feed FROM gaen_publication AS sealed WHERE sealed.key = waiting.key)
                OR EXISTS (SELECT 1 FROM gaen_waiting AS other WHERE other.feed = feed.id AND other.key = waiting.key) ORDER BY path)),
               raw_transmission_risk, raw_report_type, onset, onset_source
        FROM gaen_waiting AS waiting CROSS JOIN (
            SELECT key, authority, kid, origin, received_hour, raw_transmission_risk, raw_report_type, onset, onset_source FROM gaen_fresh
            UNION ALL
            SELECT key, authority, kid, origin, NULL, raw_transmission_risk, raw_report_type, onset, onset_source FROM gaen_key
        ) AS known ON known.key = waiting.key
        WHERE waiting.feed = ?1 ORDER BY waiting.revision DESC, waiting.key LIMIT ?2",
    sealed: "-- filler::sealed_keys
        SELECT published.revised, class, published.key, published.rolling_start, published.rolling_period, transmission_risk, report_type,
               days_since_onset, authority, kid, origin, policy_version, sealed_at, published.sequence, start_at,
               EXISTS (SELECT 1 FROM gaen_publication AS later WHERE later.key = published.key AND later.revision > 0)
               OR EXISTS (SELECT 1 FROM feed CROSS JOIN gaen_waiting AS later ON later.feed = feed.id
                          WHERE later.key = published.key AND later.revision > 0),
               raw_transmission_risk, raw_report_type, onset, onset_source
        FROM gaen_publication AS published
        CROSS JOIN bundle ON bundle.feed = published.feed AND bundle.sequence = published.sequence
        CROSS JOIN gaen_key AS known ON known.key = published.key
        WHERE published.feed = ?1 AND published.sequence >= ?2 AND NOT published.revised
        ORDER BY published.sequence DESC, class, published.key",
    rest: 8,
    read: read_key,
};

const REPORTS: Sampling<TcnEntry> = Sampling {
    waiting: "-- filler::waiting_reports
        SELECT waiting.revision > 0, class, waiting.rvk, waiting.signed_report, report_type, report_class,
               authority, kid, origin, policy_version, received_hour, release_at, waiting.revision,
               (SELECT group_concat(path, ' ') FROM (SELECT path FROM feed
                WHERE id IN (SELECT feed FROM tcn_publication AS sealed WHERE sealed.rvk = waiting.rvk)
                OR EXISTS (SELECT 1 FROM tcn_waiting AS other WHERE other.feed = feed.id AND other.rvk = waiting.rvk) ORDER BY path))
        FROM tcn_waiting AS waiting CROSS JOIN (
            SELECT rvk, authority, kid, origin, received_hour FROM tcn_fresh
            UNION ALL
            SELECT rvk, authority, kid, origin, NULL FROM tcn_report
        ) AS known ON known.rvk = waiting.rvk
        WHERE waiting.feed = ?1 ORDER BY waiting.revision DESC, waiting.rvk LIMIT ?2",
    sealed: "-- filler::sealed_reports
        SELECT published.revised, class, published.rvk, published.signed_report, report_type, report_class,
               authority, kid, origin, policy_version, sealed_at, published.sequence, start_at,
               EXISTS (SELECT 1 FROM tcn_publication AS later WHERE later.rvk = published.rvk AND later.revision > 0)
               OR EXISTS (SELECT 1 FROM feed CROSS JOIN tcn_waiting AS later ON later.feed = feed.id
                          WHERE later.rvk = published.rvk AND later.revision > 0)
        FROM tcn_publication AS published
        CROSS JOIN bundle ON bundle.feed = published.feed AND bundle.sequence = published.sequence
        CROSS JOIN tcn_report AS known ON known.rvk = published.rvk
        WHERE published.feed = ?1 AND published.sequence >= ?2 AND NOT published.revised
        ORDER BY published.sequence DESC, class, published.rvk",
    rest: 6,
    read: read_report,
};

fn sample<T>(
    tx: &Transaction<'_>,
    feed: &Feed,
    bounds: SampleBounds,
    sampling: &Sampling<T>,
) -> Result<Vec<Sampled<T>>, StoreError> {
    let id = feeds::find(tx, feed)?.id;
    let bad = || at(feed.to_string());
    let mut sampled = Vec::new();
    let mut statement = tx.prepare_cached(sampling.waiting)?;
    let mut rows = statement.query([id, integer(bounds.limit)])?;
    while let Some(row) = rows.next()? {
        sampled.push(waiting(row, sampling).map_err(bad())?);
    }
    if let Some(from) = newest(bundles(tx, id, bounds.since)?, bounds.limit) {
        let mut statement = tx.prepare_cached(sampling.sealed)?;
        let mut rows = statement.query([id, integer(from)])?;
        while let Some(row) = rows.next()? {
            sampled.push(sealed(row, sampling).map_err(bad())?);
        }
    }
    Ok(sampled)
}

/// The bundles that were sealed since a moment, newest first, and how many ordinary members each has.
fn bundles(tx: &Transaction<'_>, feed: i64, since: Timestamp) -> Result<Vec<(u64, u64)>, StoreError> {
    const SQL: &str = "-- filler::bundles
        SELECT sequence, count FROM bundle WHERE feed = ?1 AND sealed_at >= ?2 ORDER BY sequence DESC";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query(params![feed, since.unix()])?;
    let mut bundles = Vec::new();
    while let Some(row) = rows.next()? {
        bundles.push((number(row, 0)?, number(row, 1)?));
    }
    Ok(bundles)
}

fn waiting<T>(row: &Row<'_>, sampling: &Sampling<T>) -> Result<Sampled<T>, StoreError> {
    let rest = sampling.rest;
    let hour = value::<Option<i64>>(row, rest + 4)?.map(Timestamp::from_unix);
    let release_at = time(row, rest + 5)?;
    let received = hour.unwrap_or(release_at);
    let place = match value::<i64>(row, rest + 6)? {
        0 => Place::Waiting { fresh: hour.is_some(), release_at },
        _ => Place::Revising { release_at },
    };
    let feeds = value::<String>(row, rest + 7)?.split(' ').map(str::parse).collect::<Result<_, _>>();
    let feeds = feeds.map_err(|_| corrupt(row, rest + 7, "is malformed"))?;
    Ok(Sampled { published: (sampling.read)(row)?, provenance: provenance(row, rest, received)?, feeds, place })
}

fn sealed<T>(row: &Row<'_>, sampling: &Sampling<T>) -> Result<Sampled<T>, StoreError> {
    let rest = sampling.rest;
    let (sequence, start) = (number(row, rest + 5)?, time(row, rest + 6)?);
    let place = Place::Sealed { sequence, start, revised: value(row, rest + 7)? };
    let provenance = provenance(row, rest, time(row, rest + 4)?)?;
    Ok(Sampled { published: (sampling.read)(row)?, provenance, feeds: Vec::new(), place })
}

fn provenance(row: &Row<'_>, rest: usize, received: Timestamp) -> Result<Provenance, StoreError> {
    let origin =
        Origin::from_number(number(row, rest + 2)?).ok_or_else(|| corrupt(row, rest + 2, "is out of range"))?;
    let (authority, kid, policy_version) = (value(row, rest)?, value(row, rest + 1)?, number(row, rest + 3)?);
    Ok(Provenance { authority, kid, origin, received, policy_version })
}

fn read_key(row: &Row<'_>) -> Result<SampledKey, StoreError> {
    const RAW: usize = KEYS.rest + 8;
    let Member::Gaen(entry) = (gaen::TABLES.read)(row)?.member else {
        return Err(corrupt(row, 2, "is no key"));
    };
    let source = OnsetSource::from_number(number(row, RAW + 3)?);
    let raw = RawKey {
        transmission_risk: number(row, RAW)?,
        report_type: report_type(row, RAW + 1)?,
        onset: Interval::new(number(row, RAW + 2)?),
        onset_source: source.ok_or_else(|| corrupt(row, RAW + 3, "is out of range"))?,
        proof: RevisionProof::default(),
    };
    Ok(SampledKey { entry, raw })
}

fn read_report(row: &Row<'_>) -> Result<TcnEntry, StoreError> {
    match (tcn::TABLES.read)(row)?.member {
        Member::Tcn(entry) => Ok(entry),
        Member::Gaen(_) => Err(corrupt(row, 2, "is no report")),
    }
}
