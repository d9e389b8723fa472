//! The tables of TCN reports: fresh and waiting, sealed report and publication.

use proto::bundle::{Entry, TcnClass, TcnEntry};
use proto::tcn::SignedReport;
use rusqlite::{Row, Transaction, params};

use super::column::{corrupt, malformed, report_type, value};
use super::tables::{Rewrite, Tables};
use crate::bundles::Member;
use crate::error::StoreError;
use crate::keys::{AcceptedReport, Provenance};
use crate::stored::{RECEIPT_GRAIN, Stored};

/// The statements over these tables.
pub(super) const TABLES: Tables = Tables {
    waiting_name: "tcn_waiting",
    // 10 bytes around a report: tags, lengths, report type and class.
    count: "-- tcn_waiting::count
        SELECT count(*) FILTER (WHERE release_at <= ?2 AND revision = 0),
               count(*) FILTER (WHERE release_at <= ?2 AND revision > 0),
               count(*) FILTER (WHERE release_at > ?2),
               min(release_at) FILTER (WHERE release_at <= ?2),
               coalesce(max(length(signed_report)) FILTER (WHERE release_at <= ?2), 0) + 10
        FROM tcn_waiting WHERE feed = ?1",
    claim: "-- tcn_waiting::claim
        SELECT revision > 0 AS revised, class, rvk, signed_report, report_type, report_class, revision, policy_version
        FROM tcn_waiting WHERE feed = ?1 AND release_at <= ?2 AND (revision = 0 OR ?3)
        ORDER BY revised, class, rvk",
    publish: "-- tcn_publication::insert
        INSERT INTO tcn_publication (feed, sequence, revised, class, rvk,
            signed_report, report_type, report_class, revision, policy_version)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    settle: "-- tcn_report::settle
        INSERT INTO tcn_report (rvk, signed_report, raw_report_type, authority, kid, origin)
        SELECT rvk, signed_report, raw_report_type, authority, kid, origin
        FROM tcn_fresh AS fresh
        WHERE EXISTS (SELECT 1 FROM tcn_waiting AS waiting WHERE waiting.feed = ?1 AND waiting.rvk = fresh.rvk
                      AND release_at <= ?2 AND (revision = 0 OR ?3))
        ORDER BY rvk",
    fresh: Rewrite {
        keep: "-- tcn_fresh::keep
            SELECT rvk, signed_report, raw_report_type, authority, kid, origin, received_hour
            FROM tcn_fresh AS fresh
            WHERE NOT EXISTS (SELECT 1 FROM tcn_waiting AS waiting WHERE waiting.feed = ?1 AND waiting.rvk = fresh.rvk
                              AND release_at <= ?2 AND (revision = 0 OR ?3))
            ORDER BY rvk",
        empty: "DELETE FROM tcn_fresh",
        insert: "-- tcn_fresh::rewrite
            INSERT INTO tcn_fresh (rvk, signed_report, raw_report_type, authority, kid, origin, received_hour)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    },
    waiting: Rewrite {
        keep: "-- tcn_waiting::keep
            SELECT feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, release_at
            FROM tcn_waiting WHERE NOT (feed = ?1 AND release_at <= ?2 AND (revision = 0 OR ?3))
            ORDER BY feed, rvk, revision",
        empty: "DELETE FROM tcn_waiting",
        insert: WAITING,
    },
    members: "-- tcn_publication::members
        SELECT revised, class, rvk, signed_report, report_type, report_class
        FROM tcn_publication
        WHERE feed = ?1 AND sequence = ?2 AND (revised, class, rvk) > (?3, ?4, ?5)
        ORDER BY revised, class, rvk LIMIT ?6",
    last_dying: "-- tcn_publication::last_dying
        SELECT revised, class, rvk FROM tcn_publication WHERE feed = ?1 AND sequence = ?2
        ORDER BY revised, class, rvk LIMIT 1 OFFSET ?3",
    forget: "-- tcn_report::forget
        DELETE FROM tcn_report WHERE rvk IN (
            SELECT rvk FROM tcn_publication AS dying
            WHERE feed = ?1 AND sequence = ?2 AND (revised, class, rvk) <= (?3, ?4, ?5)
            AND NOT EXISTS (SELECT 1 FROM tcn_publication AS other
                            WHERE other.rvk = dying.rvk AND (other.feed <> ?1 OR other.sequence <> ?2))
            AND NOT EXISTS (SELECT 1 FROM feed CROSS JOIN tcn_waiting AS waiting ON waiting.feed = feed.id
                            WHERE waiting.rvk = dying.rvk)
            AND NOT EXISTS (SELECT 1 FROM tcn_quarantine AS aside WHERE aside.rvk = dying.rvk))",
    unpublish: "-- tcn_publication::unpublish
        DELETE FROM tcn_publication
        WHERE feed = ?1 AND sequence = ?2 AND (revised, class, rvk) <= (?3, ?4, ?5)",
    read,
};

const WAITING: &str = "-- tcn_waiting::insert
    INSERT INTO tcn_waiting (feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, release_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Writes a report as received, unless its verification key is known; whether it was new.
pub(super) fn insert_fresh(
    tx: &Transaction<'_>,
    report: &AcceptedReport,
    provenance: &Provenance,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- tcn_fresh::insert
        INSERT INTO tcn_fresh (rvk, signed_report, raw_report_type, authority, kid, origin, received_hour)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
        WHERE NOT EXISTS (SELECT 1 FROM tcn_report WHERE rvk = ?1)
        ON CONFLICT DO NOTHING";
    let entry = &report.published;
    let written = tx.prepare_cached(SQL)?.execute(params![
        entry.report.verification_key(),
        entry.report.as_bytes(),
        entry.report_type.export_value(),
        provenance.authority,
        provenance.kid,
        provenance.origin.number(),
        provenance.received.floor(RECEIPT_GRAIN).unix(),
    ])?;
    Ok(written == 1)
}

/// Whether its verification key is known with another report.
pub(super) fn conflicts(tx: &Transaction<'_>, report: &AcceptedReport) -> Result<bool, StoreError> {
    const SQL: &str = "-- tcn_report::conflicts
        SELECT EXISTS (SELECT 1 FROM tcn_fresh WHERE rvk = ?1 AND signed_report <> ?2)
            OR EXISTS (SELECT 1 FROM tcn_report WHERE rvk = ?1 AND signed_report <> ?2)";
    let report = &report.published.report;
    let given = params![report.verification_key(), report.as_bytes()];
    Ok(tx.prepare_cached(SQL)?.query_row(given, |row| row.get(0))?)
}

/// Writes the first publication of a report in a feed.
pub(super) fn insert_waiting(
    tx: &Transaction<'_>,
    feed: i64,
    report: &AcceptedReport,
    policy_version: u32,
) -> Result<(), StoreError> {
    let entry = &report.published;
    tx.prepare_cached(WAITING)?.execute(params![
        feed,
        entry.report.verification_key(),
        0,
        entry.class(),
        entry.report.as_bytes(),
        entry.report_type.export_value(),
        entry.class as u8,
        policy_version,
        report.release_at.unix(),
    ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Stored, StoreError> {
    let (revised, class) = (value(row, 0)?, value(row, 1)?);
    let bytes: Vec<u8> = value(row, 3)?;
    let report = SignedReport::decode(&bytes).map_err(malformed)?;
    if *report.verification_key() != value::<[u8; 32]>(row, 2)? {
        return Err(corrupt(row, 2, "is not the report's"));
    }
    let word = match value(row, 5)? {
        1 => TcnClass::Verified,
        2 => TcnClass::SelfReported,
        _ => return Err(corrupt(row, 5, "is out of range")),
    };
    let entry = TcnEntry { report, report_type: report_type(row, 4)?, class: word };
    if entry.class() != class {
        return Err(corrupt(row, 1, "is not the report's"));
    }
    Ok(Stored { revised, class, member: Member::Tcn(entry) })
}
