//! What withdrawing keys and withdrawing reports differ in: their tables, the name of their identity, and the columns that are published.
//!
//! Rows are found through indexes, by the feeds' ids where an index begins with them, whatever the planner believes about tables.

use std::sync::LazyLock;

use proto::Kind;

/// The statements of one kind. `$1` are the identities, unless it is said otherwise.
pub(super) struct WithdrawalTables {
    /// The identities that are selected: authority, kid, from, until, and for reports whether they came without certificate.
    pub(super) pick: String,
    /// Feed by feed: path, how many wait, are sealed, are revoked.
    pub(super) tally: String,
    /// How many are known and wait nowhere.
    pub(super) tombstones: String,
    /// Deletes what waits, but for revocations.
    pub(super) unwait: String,
    /// Forgets what was set aside: what is withdrawn does not return.
    pub(super) forsake: String,
    /// Writes fresh rows anew, in the order of bytes. All columns go along, whichever there are: only the place of the row changes.
    pub(super) rewrite: String,
    /// Writes a revocation, to be released at `$2`, beside whatever is sealed and not revoked.
    pub(super) revoke: String,
    /// How many tombstones are due: those of keys whose validity ended at `$1` or before, of reports that were received by then.
    pub(super) due: String,
    /// Deletes at most `$2` of them.
    pub(super) forget: String,
}

/// Those of a kind.
pub(super) fn tables(kind: Kind) -> &'static WithdrawalTables {
    static GAEN: LazyLock<WithdrawalTables> = LazyLock::new(|| WithdrawalTables::over(&KEYS));
    static TCN: LazyLock<WithdrawalTables> = LazyLock::new(|| WithdrawalTables::over(&REPORTS));
    match kind {
        Kind::Gaen => &GAEN,
        Kind::Tcn => &TCN,
    }
}

/// What the statements are made of.
struct Parts {
    /// How the names of the tables begin.
    kind: &'static str,
    /// The table of what is sealed.
    known: &'static str,
    /// The column of identities.
    id: &'static str,
    /// What else is asked of those that are selected.
    condition: &'static str,
    /// The columns that publications and waiting rows have behind class and identity, but for the report type.
    columns: &'static str,
    /// When a revocation is released.
    release_at: &'static str,
    /// From which bit of a class on the report type stands: it is the highest part.
    class_bit: &'static str,
    /// When a tombstone is no longer needed.
    old: &'static str,
}

const KEYS: Parts = Parts {
    kind: "gaen",
    known: "gaen_key",
    id: "key",
    condition: "true",
    columns: "rolling_start, rolling_period, transmission_risk, days_since_onset, policy_version",
    release_at: "greatest($2, ((rolling_start + rolling_period) * 600 + 7200 + 899) / 900 * 900)",
    class_bit: "49",
    old: "(rolling_start + rolling_period) * 600 <= $1",
};

const REPORTS: Parts = Parts {
    kind: "tcn",
    known: "tcn_report",
    id: "rvk",
    condition: "(kid = '') = $5",
    columns: "signed_report, report_class, policy_version",
    release_at: "$2",
    class_bit: "32",
    old: "received_hour <= $1",
};

impl WithdrawalTables {
    fn over(parts: &Parts) -> Self {
        let statement = |template: &str| {
            let names = [
                ("{kind}", parts.kind),
                ("{known}", parts.known),
                ("{id}", parts.id),
                ("{condition}", parts.condition),
            ];
            let more = [
                ("{columns}", parts.columns),
                ("{release_at}", parts.release_at),
                ("{bit}", parts.class_bit),
                ("{old}", parts.old),
            ];
            names.into_iter().chain(more).fold(template.to_owned(), |sql, (name, part)| sql.replace(name, part))
        };
        let due = |head: &str, tail: &str| statement(&format!("{head} {DUE}{tail}"));
        Self {
            pick: statement(PICK),
            tally: statement(TALLY),
            tombstones: statement(TOMBSTONES),
            unwait: statement(UNWAIT),
            forsake: statement(FORSAKE),
            rewrite: statement(REWRITE),
            revoke: statement(REVOKE),
            due: due("-- {kind}_fresh::due\nSELECT count(*)", ""),
            forget: due(
                "-- {kind}_fresh::forget_tombstones\nDELETE FROM {kind}_fresh WHERE {id} = ANY (ARRAY(SELECT {id}",
                " LIMIT $2))",
            ),
        }
    }
}

const PICK: &str = "-- {kind}_fresh::pick
    SELECT {id} FROM {kind}_fresh
    WHERE authority = $1 AND ($2::text IS NULL OR kid = $2) AND {condition}
    AND ($3::bigint IS NULL OR received_hour >= $3 AND received_hour < $4)
    UNION ALL
    SELECT {id} FROM {known}
    WHERE authority = $1 AND ($2::text IS NULL OR kid = $2) AND {condition}
    AND ($3::bigint IS NULL OR {id} IN (
        SELECT {id} FROM {kind}_publication AS published JOIN bundle USING (feed, sequence)
        WHERE published.revision = 0 AND sealed_at >= $3 AND sealed_at < $4))
    ORDER BY 1";

const TALLY: &str = "-- {kind}_waiting::tally
    SELECT path,
           count(*) FILTER (WHERE NOT sealed AND NOT revoked),
           count(*) FILTER (WHERE sealed AND NOT revoked),
           count(*) FILTER (WHERE revoked)
    FROM (
        SELECT feed, {id}, bool_or(sealed) AS sealed, bool_or(revoked) AS revoked
        FROM (
            SELECT feed, waiting.{id}, false AS sealed, revision > 0 AND report_type = 5 AS revoked
            FROM unnest($1::bytea[]) AS picked ({id}) JOIN {kind}_waiting AS waiting
            ON waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.{id} = picked.{id}
            UNION ALL
            SELECT feed, published.{id}, true, revision > 0 AND report_type = 5
            FROM unnest($1::bytea[]) AS picked ({id}) JOIN {kind}_publication AS published ON published.{id} = picked.{id}
        ) AS publication
        GROUP BY feed, {id}
    ) AS standing
    JOIN feed ON feed.id = standing.feed
    GROUP BY path";

const TOMBSTONES: &str = "-- {kind}_fresh::tombstones
    SELECT count(*) FROM unnest($1::bytea[]) AS picked ({id}) JOIN {kind}_fresh AS fresh USING ({id})
    WHERE (SELECT true FROM {kind}_waiting AS waiting
           WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.{id} = fresh.{id} LIMIT 1) IS NULL";

const UNWAIT: &str = "-- {kind}_waiting::unwait
    DELETE FROM {kind}_waiting AS waiting USING unnest($1::bytea[]) AS picked ({id})
    WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.{id} = picked.{id}
    AND NOT (revision > 0 AND report_type = 5)";

const FORSAKE: &str = "-- {kind}_quarantine::forsake
    DELETE FROM {kind}_quarantine WHERE {id} = ANY ($1::bytea[])";

const REWRITE: &str = "-- {kind}_fresh::rewrite
    WITH moved AS (
        DELETE FROM {kind}_fresh AS fresh USING unnest($1::bytea[]) AS picked ({id})
        WHERE fresh.{id} = picked.{id} RETURNING fresh.*
    )
    INSERT INTO {kind}_fresh SELECT moved.* FROM moved ORDER BY moved.{id}";

/// The revision that follows the highest one sealed in each feed, if that does not revoke and no revocation waits. What else waited was deleted.
const REVOKE: &str = "-- {kind}_waiting::revoke
    INSERT INTO {kind}_waiting (feed, {id}, revision, class, report_type, {columns}, release_at)
    SELECT feed, {id}, revision + 1, class & ((1::bigint << {bit}) - 1) | (5::bigint << {bit}), 5, {columns}, {release_at}
    FROM (
        SELECT DISTINCT ON (feed, {id}) feed, {id}, revision, class, report_type, {columns}
        FROM unnest($1::bytea[]) AS picked ({id}) JOIN {kind}_publication AS published USING ({id})
        ORDER BY feed, {id}, revision DESC
    ) AS latest
    WHERE NOT (revision > 0 AND report_type = 5)
    AND (SELECT true FROM {kind}_waiting AS waiting
         WHERE waiting.feed = latest.feed AND waiting.{id} = latest.{id} LIMIT 1) IS NULL
    ORDER BY feed, {id}";

/// The tombstones that are no longer needed.
const DUE: &str = "FROM {kind}_fresh AS fresh WHERE {old}
    AND (SELECT true FROM {kind}_waiting AS waiting
         WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.{id} = fresh.{id} LIMIT 1) IS NULL
    AND (SELECT true FROM {kind}_quarantine AS aside WHERE aside.{id} = fresh.{id} LIMIT 1) IS NULL";
