//! The tables of GAEN keys: fresh and waiting, sealed key and publication.

use proto::bundle::{Entry, GaenEntry};
use proto::gaen::TemporaryExposureKey;
use rusqlite::{Row, Transaction, params};

use super::column::{corrupt, malformed, number, report_type, value};
use super::tables::{Rewrite, Tables};
use crate::bundles::Member;
use crate::error::StoreError;
use crate::keys::{AcceptedKey, Provenance};
use crate::stored::{RECEIPT_GRAIN, Stored};

/// The statements over these tables.
pub(super) const TABLES: Tables = Tables {
    waiting_name: "gaen_waiting",
    // 30 bytes: an upper bound on an encoded key with all its fields, uncompressed keys being what phones hold in memory.
    count: "-- gaen_waiting::count
        SELECT count(*) FILTER (WHERE release_at <= ?2 AND revision = 0),
               count(*) FILTER (WHERE release_at <= ?2 AND revision > 0),
               count(*) FILTER (WHERE release_at > ?2),
               min(release_at) FILTER (WHERE release_at <= ?2),
               30
        FROM gaen_waiting WHERE feed = ?1",
    claim: "-- gaen_waiting::claim
        SELECT revision > 0 AS revised, class, key,
               rolling_start, rolling_period, transmission_risk, report_type, days_since_onset, revision, policy_version
        FROM gaen_waiting WHERE feed = ?1 AND release_at <= ?2 AND (revision = 0 OR ?3)
        ORDER BY revised, class, key",
    publish: "-- gaen_publication::insert
        INSERT INTO gaen_publication (feed, sequence, revised, class, key,
            rolling_start, rolling_period, transmission_risk, report_type, days_since_onset, revision, policy_version)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    settle: "-- gaen_key::settle
        INSERT INTO gaen_key (key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type,
            onset, onset_source, authority, kid, origin, proof)
        SELECT key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type,
               onset, onset_source, authority, kid, origin, proof
        FROM gaen_fresh AS fresh
        WHERE EXISTS (SELECT 1 FROM gaen_waiting AS waiting WHERE waiting.feed = ?1 AND waiting.key = fresh.key
                      AND release_at <= ?2 AND (revision = 0 OR ?3))
        ORDER BY key",
    fresh: Rewrite {
        keep: "-- gaen_fresh::keep
            SELECT key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type,
                   onset, onset_source, authority, kid, origin, received_hour, proof
            FROM gaen_fresh AS fresh
            WHERE NOT EXISTS (SELECT 1 FROM gaen_waiting AS waiting WHERE waiting.feed = ?1 AND waiting.key = fresh.key
                              AND release_at <= ?2 AND (revision = 0 OR ?3))
            ORDER BY key",
        empty: "DELETE FROM gaen_fresh",
        insert: "-- gaen_fresh::rewrite
            INSERT INTO gaen_fresh (key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type,
                onset, onset_source, authority, kid, origin, received_hour, proof)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    },
    waiting: Rewrite {
        keep: "-- gaen_waiting::keep
            SELECT feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
                   days_since_onset, policy_version, release_at
            FROM gaen_waiting WHERE NOT (feed = ?1 AND release_at <= ?2 AND (revision = 0 OR ?3))
            ORDER BY feed, key, revision",
        empty: "DELETE FROM gaen_waiting",
        insert: WAITING,
    },
    members: "-- gaen_publication::members
        SELECT revised, class, key, rolling_start, rolling_period, transmission_risk, report_type, days_since_onset
        FROM gaen_publication
        WHERE feed = ?1 AND sequence = ?2 AND (revised, class, key) > (?3, ?4, ?5)
        ORDER BY revised, class, key LIMIT ?6",
    last_dying: "-- gaen_publication::last_dying
        SELECT revised, class, key FROM gaen_publication WHERE feed = ?1 AND sequence = ?2
        ORDER BY revised, class, key LIMIT 1 OFFSET ?3",
    forget: "-- gaen_key::forget
        DELETE FROM gaen_key WHERE key IN (
            SELECT key FROM gaen_publication AS dying
            WHERE feed = ?1 AND sequence = ?2 AND (revised, class, key) <= (?3, ?4, ?5)
            AND NOT EXISTS (SELECT 1 FROM gaen_publication AS other
                            WHERE other.key = dying.key AND (other.feed <> ?1 OR other.sequence <> ?2))
            AND NOT EXISTS (SELECT 1 FROM feed CROSS JOIN gaen_waiting AS waiting ON waiting.feed = feed.id
                            WHERE waiting.key = dying.key)
            AND NOT EXISTS (SELECT 1 FROM gaen_quarantine AS aside WHERE aside.key = dying.key))",
    unpublish: "-- gaen_publication::unpublish
        DELETE FROM gaen_publication
        WHERE feed = ?1 AND sequence = ?2 AND (revised, class, key) <= (?3, ?4, ?5)",
    read,
};

const WAITING: &str = "-- gaen_waiting::insert
    INSERT INTO gaen_waiting (feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
        days_since_onset, policy_version, release_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/// Writes what was said of a key, unless the key is known; whether it was new.
pub(super) fn insert_fresh(
    tx: &Transaction<'_>,
    key: &AcceptedKey,
    provenance: &Provenance,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- gaen_fresh::insert
        INSERT INTO gaen_fresh (key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type,
            onset, onset_source, authority, kid, origin, received_hour, proof)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
        WHERE NOT EXISTS (SELECT 1 FROM gaen_key WHERE key = ?1)
        ON CONFLICT DO NOTHING";
    let (tek, raw) = (&key.published.key, &key.raw);
    let written = tx.prepare_cached(SQL)?.execute(params![
        tek.data(),
        tek.rolling_start().number(),
        tek.rolling_period(),
        raw.transmission_risk,
        raw.report_type.export_value(),
        raw.onset.midnight().number(),
        raw.onset_source.number(),
        provenance.authority,
        provenance.kid,
        provenance.origin.number(),
        provenance.received.floor(RECEIPT_GRAIN).unix(),
        raw.proof.number(),
    ])?;
    Ok(written == 1)
}

/// Whether a key is known with another start, period or origin.
pub(super) fn conflicts(tx: &Transaction<'_>, key: &AcceptedKey, provenance: &Provenance) -> Result<bool, StoreError> {
    const SQL: &str = "-- gaen_key::conflicts
        SELECT EXISTS (SELECT 1 FROM gaen_fresh WHERE key = ?1 AND (rolling_start, rolling_period, origin) <> (?2, ?3, ?4))
            OR EXISTS (SELECT 1 FROM gaen_key WHERE key = ?1 AND (rolling_start, rolling_period, origin) <> (?2, ?3, ?4))";
    let tek = &key.published.key;
    let given = params![tek.data(), tek.rolling_start().number(), tek.rolling_period(), provenance.origin.number()];
    Ok(tx.prepare_cached(SQL)?.query_row(given, |row| row.get(0))?)
}

/// Writes the first publication of a key in a feed.
pub(super) fn insert_waiting(
    tx: &Transaction<'_>,
    feed: i64,
    key: &AcceptedKey,
    policy_version: u32,
) -> Result<(), StoreError> {
    let entry = &key.published;
    let report_type = entry.report_type.ok_or_else(|| StoreError::Corrupt("report_type: is missing".into()))?;
    tx.prepare_cached(WAITING)?.execute(params![
        feed,
        entry.key.data(),
        0,
        entry.class(),
        entry.key.rolling_start().number(),
        entry.key.rolling_period(),
        entry.transmission_risk,
        report_type.export_value(),
        entry.days_since_onset,
        policy_version,
        key.release_at.unix(),
    ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Stored, StoreError> {
    let (revised, class) = (value(row, 0)?, value(row, 1)?);
    let data: [u8; 16] = value(row, 2)?;
    let key = TemporaryExposureKey::new(&data, value(row, 3)?, value(row, 4)?).map_err(malformed)?;
    let entry = GaenEntry {
        key,
        transmission_risk: number(row, 5)?,
        report_type: Some(report_type(row, 6)?),
        days_since_onset: value::<Option<i64>>(row, 7)?.map(|_| number(row, 7)).transpose()?,
    };
    entry.check().map_err(malformed)?;
    if entry.class() != class {
        return Err(corrupt(row, 1, "is not the key's"));
    }
    Ok(Stored { revised, class, member: Member::Gaen(entry) })
}
