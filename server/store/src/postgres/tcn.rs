//! The tables of TCN reports: fresh and waiting, sealed report and publication.

use proto::bundle::{Entry, TcnClass, TcnEntry};
use proto::tcn::SignedReport;
use tokio_postgres::Row;

use super::column::{array, corrupt, malformed, number, report_type, value};
use super::tables::Tables;
use crate::bundles::Member;
use crate::error::StoreError;
use crate::stored::Stored;

/// The statements over these tables.
pub(super) const TABLES: Tables = Tables {
    waiting_name: "tcn_waiting",
    // 10 bytes around a report: tags, lengths, report type and class.
    count: "-- tcn_waiting::count
        SELECT count(*) FILTER (WHERE release_at <= $2 AND revision = 0),
               count(*) FILTER (WHERE release_at <= $2 AND revision > 0),
               count(*) FILTER (WHERE release_at > $2),
               min(release_at) FILTER (WHERE release_at <= $2),
               coalesce(max(length(signed_report)) FILTER (WHERE release_at <= $2), 0) + 10
        FROM tcn_waiting WHERE feed = $1",
    publish: "-- tcn_publication::publish
        INSERT INTO tcn_publication (feed, sequence, revised, class, rvk,
            signed_report, report_type, report_class, revision, policy_version, raw_report_type, origin, authority, kid)
        SELECT $1, $4::bigint, $3, class, waiting.rvk,
            waiting.signed_report, report_type, report_class, revision, policy_version, raw_report_type, origin, authority, kid
        FROM tcn_waiting AS waiting LEFT JOIN tcn_fresh USING (rvk)
        WHERE feed = $1 AND release_at <= $2 AND (revision > 0) = $3
        ORDER BY class, rvk",
    publish_cut: "-- tcn_publication::publish_cut
        INSERT INTO tcn_publication (feed, sequence, revised, class, rvk,
            signed_report, report_type, report_class, revision, policy_version, raw_report_type, origin, authority, kid)
        SELECT $1, $4::bigint + width_bucket(place, $5::bigint[]) - 1, $3, class, claimed.rvk,
            claimed.signed_report, report_type, report_class, revision, policy_version, raw_report_type, origin, authority, kid
        FROM (
            SELECT row_number() OVER (ORDER BY class, rvk) AS place, *
            FROM tcn_waiting WHERE feed = $1 AND release_at <= $2 AND (revision > 0) = $3
        ) AS claimed LEFT JOIN tcn_fresh USING (rvk)
        ORDER BY class, rvk",
    release: "-- tcn_waiting::release
        DELETE FROM tcn_waiting WHERE feed = $1 AND release_at <= $2 AND (revision = 0 OR $3)",
    settled: "-- tcn_fresh::settled
        DELETE FROM tcn_fresh USING tcn_waiting AS waiting
        WHERE waiting.feed = $1 AND waiting.release_at <= $2 AND (waiting.revision > 0) = $3 AND waiting.rvk = tcn_fresh.rvk",
    others: "-- tcn_waiting::others
        SELECT FROM tcn_waiting WHERE feed <> $1 OR revision > 0 LIMIT 1",
    shuffle: "-- tcn_waiting::shuffle
        WITH moved AS (
            DELETE FROM tcn_waiting USING tcn_publication AS sealed
            WHERE sealed.feed = $1 AND sealed.sequence >= $2 AND sealed.rvk = tcn_waiting.rvk RETURNING tcn_waiting.*
        )
        INSERT INTO tcn_waiting (feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, release_at)
        SELECT feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, release_at
        FROM moved ORDER BY feed, rvk, revision",
    bundle: "-- tcn_publication::bundle
        SELECT revised, class, rvk, signed_report, report_type, report_class
        FROM tcn_publication WHERE feed = $1 AND sequence = $2 ORDER BY revised, class, rvk",
    members: "-- tcn_publication::members
        SELECT revised, class, rvk, signed_report, report_type, report_class
        FROM tcn_publication
        WHERE feed = $1 AND sequence = $2 AND (revised, class, rvk) > ($3, $4, $5)
        ORDER BY revised, class, rvk LIMIT $6",
    last_dying: "-- tcn_publication::last_dying
        SELECT revised, class, rvk FROM tcn_publication WHERE feed = $1 AND sequence = $2
        ORDER BY revised, class, rvk LIMIT 1 OFFSET $3",
    // Arrays and subqueries rather than joins: each is looked up in an index, whatever the planner believes about the tables.
    keep: "-- tcn_kept::keep
        SELECT tcn_keep($1, $2, $3, $4, $5, $6)",
    forget: "-- tcn_kept::forget
        DELETE FROM tcn_kept WHERE rvk = ANY (ARRAY(
            SELECT rvk FROM tcn_publication AS dying
            WHERE feed = $1 AND sequence = $2 AND (revised, class, rvk) <= ($3, $4, $5)
            AND (SELECT true FROM tcn_publication AS other
                 WHERE other.rvk = dying.rvk AND (other.feed, other.sequence) <> ($1, $2) LIMIT 1) IS NULL
            AND (SELECT true FROM tcn_waiting AS waiting
                 WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.rvk = dying.rvk LIMIT 1) IS NULL
            AND (SELECT true FROM tcn_quarantine AS aside WHERE aside.rvk = dying.rvk LIMIT 1) IS NULL))",
    unpublish: "-- tcn_publication::unpublish
        WITH dead AS (
            DELETE FROM tcn_publication
            WHERE feed = $1 AND sequence = $2 AND (revised, class, rvk) <= ($3, $4, $5) RETURNING authority
        )
        SELECT count(*), count(authority) FROM dead",
    read,
};

/// Writes, of some reports, those whose verification key is not known, with a waiting publication in each feed, and counts them: if all feeds exist.
/// Yields how many of these do, and how many verification keys are known with other reports.
pub(super) const ACCEPT: &str = "-- keys::accept_reports
    WITH wanted AS (
        SELECT id FROM feed WHERE path = ANY ($1::text[]) AND kind = 'tcn'
    ), given AS (
        SELECT * FROM unnest($3::bytea[], $4::bytea[], $5::smallint[], $6::bigint[], $7::smallint[], $8::bigint[])
            AS given (rvk, signed_report, report_type, class, report_class, release_at)
    ), fresh AS (
        INSERT INTO tcn_fresh (rvk, signed_report, raw_report_type, authority, kid, origin, received_hour)
        SELECT rvk, signed_report, report_type, $9, $10, $11, $12
        FROM given
        WHERE (SELECT count(*) FROM wanted) = $2 AND (SELECT true FROM tcn_report WHERE tcn_report.rvk = given.rvk) IS NULL
        ORDER BY rvk
        ON CONFLICT DO NOTHING RETURNING rvk
    ), waiting AS (
        INSERT INTO tcn_waiting (feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, release_at)
        SELECT wanted.id, rvk, 0, class, signed_report, report_type, report_class, $13, release_at
        FROM fresh JOIN given USING (rvk) CROSS JOIN wanted ORDER BY wanted.id, rvk
    ), added AS (
        SELECT count(*) AS reports, (count(*) = cardinality($3::bytea[]))::integer AS first FROM fresh
    ), counted AS (
        INSERT INTO upload_count AS standing
            (authority, day, stripe, key_uploads, keys, revisions, ages, onsets, report_uploads, reports)
        SELECT $9, $14::integer, pg_backend_pid() % 16, 0, 0, 0, array_fill(0, ARRAY[16]), array_fill(0, ARRAY[31]), first, reports
        FROM added WHERE reports > 0 AND $14::integer IS NOT NULL
        ON CONFLICT (authority, day, stripe) DO UPDATE SET
            report_uploads = standing.report_uploads + excluded.report_uploads,
            reports = standing.reports + excluded.reports
    )
    SELECT (SELECT count(*) FROM wanted), count(*) FROM given
    WHERE rvk NOT IN (SELECT rvk FROM fresh) AND coalesce(
        (SELECT known.signed_report <> given.signed_report FROM tcn_report AS known WHERE known.rvk = given.rvk),
        (SELECT known.signed_report <> given.signed_report FROM tcn_fresh AS known WHERE known.rvk = given.rvk))";

fn read(row: &Row) -> Result<Stored, StoreError> {
    let (revised, class) = (value(row, 0)?, number(row, 1)?);
    let report = SignedReport::decode(value(row, 3)?).map_err(malformed)?;
    if *report.verification_key() != array(row, 2)? {
        return Err(corrupt(row, 2, "is not the report's"));
    }
    let word = match number(row, 5)? {
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
