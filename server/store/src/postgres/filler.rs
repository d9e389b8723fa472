//! `Filler` on PostgreSQL: what people of a feed look like.

use async_trait::async_trait;
use proto::bundle::TcnEntry;
use proto::{Feed, Interval, Timestamp};
use tokio_postgres::Row;

use super::column::{array, at, corrupt, integer, maybe_number, number, report_type, time, value};
use super::feeds::{self, FeedRow};
use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Transaction};
use super::{gaen, tcn};
use crate::bundles::Member;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::filler::{Filler, FillerMark, Holds, Place, SampleBounds, Sampled, SampledKey, newest};
use crate::keys::{OnsetSource, Origin, Provenance, RawKey, RevisionProof};

/// What is asked.
type Given<'a> = (&'a Feed, SampleBounds, &'a Clock);

#[async_trait]
impl Filler for PostgresKeyStore {
    async fn holds(&self, feed: &Feed) -> Result<Holds, StoreError> {
        let given = (feed, &self.clock);
        let count = self.pool.transact("filler::holds", Mode::Read, &given, |tx, (feed, clock)| {
            Box::pin(async move { holds(tx, feed, &feeds::find(tx, feed, clock).await?).await })
        });
        count.await
    }

    async fn sampled_keys(&self, feed: &Feed, bounds: SampleBounds) -> Result<Vec<Sampled<SampledKey>>, StoreError> {
        let given: Given<'_> = (feed, bounds, &self.clock);
        let sample = self
            .pool
            .transact("filler::sampled_keys", Mode::Read, &given, |tx, given| Box::pin(sample(tx, given, &KEYS)));
        sample.await
    }

    async fn sampled_reports(&self, feed: &Feed, bounds: SampleBounds) -> Result<Vec<Sampled<TcnEntry>>, StoreError> {
        let given: Given<'_> = (feed, bounds, &self.clock);
        let sample = self
            .pool
            .transact("filler::sampled_reports", Mode::Read, &given, |tx, given| Box::pin(sample(tx, given, &REPORTS)));
        sample.await
    }

    async fn filler_marks(&self) -> Result<Vec<FillerMark>, StoreError> {
        const SQL: &str = "-- filler::marks
            SELECT DISTINCT filler_mark FROM bundle WHERE filler_mark IS NOT NULL";
        let rows = self.pool.query("filler::marks", SQL, &[]).await?;
        rows.iter().map(|row| Ok(FillerMark(array(row, 0)?))).collect()
    }
}

/// What may be released in a feed, and since when.
pub(super) async fn holds(tx: &Transaction<'_>, feed: &Feed, row: &FeedRow) -> Result<Holds, StoreError> {
    const KEYS: &str = "-- gaen_waiting::holds
        SELECT count(*) FILTER (WHERE revision = 0), min(release_at) FILTER (WHERE revision = 0),
               count(*) FILTER (WHERE revision > 0), min(release_at) FILTER (WHERE revision > 0)
        FROM gaen_waiting WHERE feed = $1 AND release_at <= $2";
    const REPORTS: &str = "-- tcn_waiting::holds
        SELECT count(*) FILTER (WHERE revision = 0), min(release_at) FILTER (WHERE revision = 0),
               count(*) FILTER (WHERE revision > 0), min(release_at) FILTER (WHERE revision > 0)
        FROM tcn_waiting WHERE feed = $1 AND release_at <= $2";
    let sql = match feed.kind {
        proto::Kind::Gaen => KEYS,
        proto::Kind::Tcn => REPORTS,
    };
    let counted = tx.row(sql, &[&row.id, &row.now.unix()]).await?;
    let since = |index| Ok::<_, StoreError>(maybe_number(&counted, index)?.map(Timestamp::from_unix));
    Ok(Holds {
        now: row.now,
        ordinary: number(&counted, 0)?,
        oldest: since(1)?,
        revised: number(&counted, 2)?,
        oldest_revised: since(3)?,
    })
}

/// How one kind is sampled. Rows begin with what its members are read from; the rest begins at `rest`.
struct Sampling<T> {
    /// What waits in a feed (`$1`): members, authority, kid, origin, policy version, the hour of receipt while it is fresh, the moment of its
    /// release, its revision, feeds; then what else the kind has.
    waiting: &'static str,
    /// What is sealed in a feed (`$1`) from a bundle (`$2`) on: members, authority, kid, origin, policy version, when its bundle was sealed,
    /// sequence, start, whether it was revised; then what else the kind has.
    sealed: &'static str,
    /// Where authority and so on begin.
    rest: usize,
    read: fn(&Row) -> Result<T, StoreError>,
}

const KEYS: Sampling<SampledKey> = Sampling {
    waiting: "-- filler::waiting_keys
        SELECT revision > 0, class, waiting.key, waiting.rolling_start, waiting.rolling_period, transmission_risk, report_type, days_since_onset,
               authority, kid, origin, policy_version, received_hour, release_at, revision,
               ARRAY(SELECT path FROM feed WHERE id IN (
                   SELECT feed FROM gaen_publication AS sealed WHERE sealed.key = waiting.key
                   UNION ALL
                   SELECT feed FROM gaen_waiting AS other WHERE other.feed = ANY (ARRAY(SELECT id FROM feed)) AND other.key = waiting.key
               ) ORDER BY path),
               raw_transmission_risk, raw_report_type, onset, onset_source
        FROM gaen_waiting AS waiting CROSS JOIN LATERAL (
            SELECT authority, kid, origin, received_hour, raw_transmission_risk, raw_report_type, onset, onset_source
            FROM gaen_fresh WHERE gaen_fresh.key = waiting.key
            UNION ALL
            SELECT authority, kid, origin, NULL, raw_transmission_risk, raw_report_type, onset, onset_source
            FROM gaen_key WHERE gaen_key.key = waiting.key
        ) AS known
        WHERE waiting.feed = $1 ORDER BY revision DESC, waiting.key LIMIT $2",
    sealed: "-- filler::sealed_keys
        SELECT published.revised, class, published.key, published.rolling_start, published.rolling_period, transmission_risk, report_type, days_since_onset,
               known.authority, known.kid, known.origin, policy_version, sealed_at, sequence, start_at,
               EXISTS (SELECT FROM gaen_publication AS later WHERE later.key = published.key AND later.revision > 0)
               OR EXISTS (SELECT FROM gaen_waiting AS later
                          WHERE later.feed = ANY (ARRAY(SELECT id FROM feed)) AND later.key = published.key AND later.revision > 0),
               known.raw_transmission_risk, known.raw_report_type, known.onset, known.onset_source
        FROM gaen_publication AS published JOIN bundle USING (feed, sequence) JOIN gaen_key AS known ON known.key = published.key
        WHERE feed = $1 AND sequence >= $2 AND NOT published.revised ORDER BY sequence DESC, class, published.key",
    rest: 8,
    read: read_key,
};

const REPORTS: Sampling<TcnEntry> = Sampling {
    waiting: "-- filler::waiting_reports
        SELECT revision > 0, class, waiting.rvk, waiting.signed_report, report_type, report_class,
               authority, kid, origin, policy_version, received_hour, release_at, revision,
               ARRAY(SELECT path FROM feed WHERE id IN (
                   SELECT feed FROM tcn_publication AS sealed WHERE sealed.rvk = waiting.rvk
                   UNION ALL
                   SELECT feed FROM tcn_waiting AS other WHERE other.feed = ANY (ARRAY(SELECT id FROM feed)) AND other.rvk = waiting.rvk
               ) ORDER BY path)
        FROM tcn_waiting AS waiting CROSS JOIN LATERAL (
            SELECT authority, kid, origin, received_hour FROM tcn_fresh WHERE tcn_fresh.rvk = waiting.rvk
            UNION ALL
            SELECT authority, kid, origin, NULL FROM tcn_report WHERE tcn_report.rvk = waiting.rvk
        ) AS known
        WHERE waiting.feed = $1 ORDER BY revision DESC, waiting.rvk LIMIT $2",
    sealed: "-- filler::sealed_reports
        SELECT published.revised, class, published.rvk, published.signed_report, report_type, report_class,
               known.authority, known.kid, known.origin, policy_version, sealed_at, sequence, start_at,
               EXISTS (SELECT FROM tcn_publication AS later WHERE later.rvk = published.rvk AND later.revision > 0)
               OR EXISTS (SELECT FROM tcn_waiting AS later
                          WHERE later.feed = ANY (ARRAY(SELECT id FROM feed)) AND later.rvk = published.rvk AND later.revision > 0)
        FROM tcn_publication AS published JOIN bundle USING (feed, sequence) JOIN tcn_report AS known ON known.rvk = published.rvk
        WHERE feed = $1 AND sequence >= $2 AND NOT published.revised ORDER BY sequence DESC, class, published.rvk",
    rest: 6,
    read: read_report,
};

async fn sample<T>(
    tx: &Transaction<'_>,
    (feed, bounds, clock): &Given<'_>,
    sampling: &Sampling<T>,
) -> Result<Vec<Sampled<T>>, StoreError> {
    const BUNDLES: &str = "-- filler::bundles
        SELECT sequence, count FROM bundle WHERE feed = $1 AND sealed_at >= $2 ORDER BY sequence DESC";
    let id = feeds::find(tx, feed, clock).await?.id;
    let bad = || at(feed.to_string());
    let mut sampled = Vec::new();
    for row in tx.rows(sampling.waiting, &[&id, &integer(bounds.limit)]).await? {
        sampled.push(waiting(&row, sampling).map_err(bad())?);
    }
    let bundles = tx.rows(BUNDLES, &[&id, &bounds.since.unix()]).await?;
    let counts: Vec<(u64, u64)> =
        bundles.iter().map(|row| Ok((number(row, 0)?, number(row, 1)?))).collect::<Result<_, StoreError>>()?;
    if let Some(from) = newest(counts, bounds.limit) {
        for row in tx.rows(sampling.sealed, &[&id, &integer(from)]).await? {
            sampled.push(sealed(&row, sampling).map_err(bad())?);
        }
    }
    Ok(sampled)
}

fn waiting<T>(row: &Row, sampling: &Sampling<T>) -> Result<Sampled<T>, StoreError> {
    let rest = sampling.rest;
    let hour = maybe_number(row, rest + 4)?.map(Timestamp::from_unix);
    let release_at = time(row, rest + 5)?;
    let received = hour.unwrap_or(release_at);
    let place = match number::<u32>(row, rest + 6)? {
        0 => Place::Waiting { fresh: hour.is_some(), release_at },
        _ => Place::Revising { release_at },
    };
    let paths: Vec<&str> = value(row, rest + 7)?;
    let feeds = paths.into_iter().map(str::parse).collect::<Result<_, _>>();
    let feeds = feeds.map_err(|_| corrupt(row, rest + 7, "is malformed"))?;
    Ok(Sampled { published: (sampling.read)(row)?, provenance: provenance(row, rest, received)?, feeds, place })
}

fn sealed<T>(row: &Row, sampling: &Sampling<T>) -> Result<Sampled<T>, StoreError> {
    let rest = sampling.rest;
    let (sequence, start) = (number(row, rest + 5)?, time(row, rest + 6)?);
    let place = Place::Sealed { sequence, start, revised: value(row, rest + 7)? };
    let provenance = provenance(row, rest, time(row, rest + 4)?)?;
    Ok(Sampled { published: (sampling.read)(row)?, provenance, feeds: Vec::new(), place })
}

fn provenance(row: &Row, rest: usize, received: Timestamp) -> Result<Provenance, StoreError> {
    let origin =
        Origin::from_number(number(row, rest + 2)?).ok_or_else(|| corrupt(row, rest + 2, "is out of range"))?;
    let (authority, kid, policy_version) = (value(row, rest)?, value(row, rest + 1)?, number(row, rest + 3)?);
    Ok(Provenance { authority, kid, origin, received, policy_version })
}

fn read_key(row: &Row) -> Result<SampledKey, StoreError> {
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

fn read_report(row: &Row) -> Result<TcnEntry, StoreError> {
    match (tcn::TABLES.read)(row)?.member {
        Member::Tcn(entry) => Ok(entry),
        Member::Gaen(_) => Err(corrupt(row, 2, "is no report")),
    }
}
