//! The tables of GAEN keys: fresh and waiting, sealed key and publication.

use proto::bundle::{Entry, GaenEntry};
use proto::gaen::TemporaryExposureKey;
use tokio_postgres::Row;

use super::column::{array, corrupt, malformed, maybe_number, number, report_type, value};
use super::tables::Tables;
use crate::bundles::Member;
use crate::error::StoreError;
use crate::stored::Stored;

/// The statements over these tables.
pub(super) const TABLES: Tables = Tables {
    waiting_name: "gaen_waiting",
    // 30 bytes: an upper bound on an encoded key with all its fields, uncompressed keys being what phones hold in memory.
    count: "-- gaen_waiting::count
        SELECT count(*) FILTER (WHERE release_at <= $2 AND revision = 0),
               count(*) FILTER (WHERE release_at <= $2 AND revision > 0),
               count(*) FILTER (WHERE release_at > $2),
               min(release_at) FILTER (WHERE release_at <= $2),
               30
        FROM gaen_waiting WHERE feed = $1",
    publish: "-- gaen_publication::publish
        INSERT INTO gaen_publication (feed, sequence, revised, class, key,
            rolling_start, rolling_period, transmission_risk, report_type, days_since_onset, revision, policy_version,
            raw_transmission_risk, raw_report_type, onset, onset_source, origin, proof, authority, kid)
        SELECT $1, $4::bigint, $3, class, waiting.key, waiting.rolling_start, waiting.rolling_period,
            transmission_risk, report_type, days_since_onset, revision, policy_version,
            raw_transmission_risk, raw_report_type, onset, onset_source, origin, proof, authority, kid
        FROM gaen_waiting AS waiting LEFT JOIN gaen_fresh USING (key)
        WHERE feed = $1 AND release_at <= $2 AND (revision > 0) = $3
        ORDER BY class, key",
    publish_cut: "-- gaen_publication::publish_cut
        INSERT INTO gaen_publication (feed, sequence, revised, class, key,
            rolling_start, rolling_period, transmission_risk, report_type, days_since_onset, revision, policy_version,
            raw_transmission_risk, raw_report_type, onset, onset_source, origin, proof, authority, kid)
        SELECT $1, $4::bigint + width_bucket(place, $5::bigint[]) - 1, $3, class, claimed.key, claimed.rolling_start, claimed.rolling_period,
            transmission_risk, report_type, days_since_onset, revision, policy_version,
            raw_transmission_risk, raw_report_type, onset, onset_source, origin, proof, authority, kid
        FROM (
            SELECT row_number() OVER (ORDER BY class, key) AS place, *
            FROM gaen_waiting WHERE feed = $1 AND release_at <= $2 AND (revision > 0) = $3
        ) AS claimed LEFT JOIN gaen_fresh USING (key)
        ORDER BY class, key",
    release: "-- gaen_waiting::release
        DELETE FROM gaen_waiting WHERE feed = $1 AND release_at <= $2 AND (revision = 0 OR $3)",
    settled: "-- gaen_fresh::settled
        DELETE FROM gaen_fresh USING gaen_waiting AS waiting
        WHERE waiting.feed = $1 AND waiting.release_at <= $2 AND (waiting.revision > 0) = $3 AND waiting.key = gaen_fresh.key",
    others: "-- gaen_waiting::others
        SELECT FROM gaen_waiting WHERE feed <> $1 OR revision > 0 LIMIT 1",
    shuffle: "-- gaen_waiting::shuffle
        WITH moved AS (
            DELETE FROM gaen_waiting USING gaen_publication AS sealed
            WHERE sealed.feed = $1 AND sealed.sequence >= $2 AND sealed.key = gaen_waiting.key RETURNING gaen_waiting.*
        )
        INSERT INTO gaen_waiting (feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, policy_version, release_at)
        SELECT feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, policy_version, release_at
        FROM moved ORDER BY feed, key, revision",
    bundle: "-- gaen_publication::bundle
        SELECT revised, class, key, rolling_start, rolling_period, transmission_risk, report_type, days_since_onset
        FROM gaen_publication WHERE feed = $1 AND sequence = $2 ORDER BY revised, class, key",
    members: "-- gaen_publication::members
        SELECT revised, class, key, rolling_start, rolling_period, transmission_risk, report_type, days_since_onset
        FROM gaen_publication
        WHERE feed = $1 AND sequence = $2 AND (revised, class, key) > ($3, $4, $5)
        ORDER BY revised, class, key LIMIT $6",
    last_dying: "-- gaen_publication::last_dying
        SELECT revised, class, key FROM gaen_publication WHERE feed = $1 AND sequence = $2
        ORDER BY revised, class, key LIMIT 1 OFFSET $3",
    // Arrays and subqueries rather than joins: each is looked up in an index, whatever the planner believes about the tables.
    keep: "-- gaen_kept::keep
        SELECT gaen_keep($1, $2, $3, $4, $5, $6)",
    forget: "-- gaen_kept::forget
        DELETE FROM gaen_kept WHERE key = ANY (ARRAY(
            SELECT key FROM gaen_publication AS dying
            WHERE feed = $1 AND sequence = $2 AND (revised, class, key) <= ($3, $4, $5)
            AND (SELECT true FROM gaen_publication AS other
                 WHERE other.key = dying.key AND (other.feed, other.sequence) <> ($1, $2) LIMIT 1) IS NULL
            AND (SELECT true FROM gaen_waiting AS waiting
                 WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.key = dying.key LIMIT 1) IS NULL
            AND (SELECT true FROM gaen_quarantine AS aside WHERE aside.key = dying.key LIMIT 1) IS NULL))",
    unpublish: "-- gaen_publication::unpublish
        WITH dead AS (
            DELETE FROM gaen_publication
            WHERE feed = $1 AND sequence = $2 AND (revised, class, key) <= ($3, $4, $5) RETURNING authority
        )
        SELECT count(*), count(authority) FROM dead",
    read,
};

/// Writes, of some keys, those that are not known, with a waiting publication in each feed, and counts them: if all feeds exist. Yields how many of
/// these do, and how many keys are known with other values. What is known is a subquery rather than a join, so that each key is looked up in the
/// index whatever the planner believes about the table.
pub(super) const ACCEPT: &str = "-- keys::accept_keys
    WITH wanted AS (
        SELECT id FROM feed WHERE path = ANY ($1::text[]) AND kind = 'gaen'
    ), given AS (
        SELECT * FROM unnest($3::bytea[], $4::bigint[], $5::smallint[], $6::smallint[], $7::smallint[], $8::bigint[], $9::smallint[],
                             $10::bigint[], $11::smallint[], $12::smallint[], $13::smallint[], $14::bigint[], $20::bigint[])
            AS given (key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type, onset, onset_source,
                      class, transmission_risk, report_type, days_since_onset, release_at, proof)
    ), fresh AS (
        INSERT INTO gaen_fresh (key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type,
            onset, onset_source, authority, kid, origin, received_hour, proof)
        SELECT key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type,
            onset, onset_source, $15, $16, $17, $18, proof
        FROM given
        WHERE (SELECT count(*) FROM wanted) = $2 AND (SELECT true FROM gaen_key WHERE gaen_key.key = given.key) IS NULL
        ORDER BY key
        ON CONFLICT DO NOTHING RETURNING key
    ), waiting AS (
        INSERT INTO gaen_waiting (feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, policy_version, release_at)
        SELECT wanted.id, key, 0, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, $19, release_at
        FROM fresh JOIN given USING (key) CROSS JOIN wanted ORDER BY wanted.id, key
    ), added AS (
        SELECT count(*) AS keys, (count(*) = cardinality($3::bytea[]))::integer AS first FROM fresh
    ), counted AS (
        INSERT INTO upload_count AS standing
            (authority, day, stripe, key_uploads, keys, revisions, ages, onsets, report_uploads, reports)
        SELECT $15, $21::integer, pg_backend_pid() % 16, first, keys, 0,
            CASE first WHEN 1 THEN $24::integer[] ELSE array_fill(0, ARRAY[16]) END,
            CASE first WHEN 1 THEN $25::integer[] ELSE array_fill(0, ARRAY[31]) END, 0, 0
        FROM added WHERE keys > 0 AND $21::integer IS NOT NULL
        ON CONFLICT (authority, day, stripe) DO UPDATE SET
            key_uploads = standing.key_uploads + excluded.key_uploads,
            keys = standing.keys + excluded.keys,
            ages[$22::integer] = standing.ages[$22::integer] + excluded.key_uploads,
            onsets[$23::integer] = standing.onsets[$23::integer] + excluded.key_uploads
    )
    SELECT (SELECT count(*) FROM wanted), count(*) FROM given
    WHERE key NOT IN (SELECT key FROM fresh) AND coalesce(
        (SELECT (known.rolling_start, known.rolling_period, known.origin) <> (given.rolling_start, given.rolling_period, $17::smallint)
         FROM gaen_key AS known WHERE known.key = given.key),
        (SELECT (known.rolling_start, known.rolling_period, known.origin) <> (given.rolling_start, given.rolling_period, $17::smallint)
         FROM gaen_fresh AS known WHERE known.key = given.key))";

fn read(row: &Row) -> Result<Stored, StoreError> {
    let (revised, class) = (value(row, 0)?, number(row, 1)?);
    let data: [u8; 16] = array(row, 2)?;
    let key = TemporaryExposureKey::new(&data, number(row, 3)?, number(row, 4)?).map_err(malformed)?;
    let entry = GaenEntry {
        key,
        transmission_risk: number(row, 5)?,
        report_type: Some(report_type(row, 6)?),
        days_since_onset: maybe_number(row, 7)?,
    };
    entry.check().map_err(malformed)?;
    if entry.class() != class {
        return Err(corrupt(row, 1, "is not the key's"));
    }
    Ok(Stored { revised, class, member: Member::Gaen(entry) })
}
