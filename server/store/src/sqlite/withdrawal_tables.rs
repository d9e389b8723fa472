//! What withdrawing keys and withdrawing reports differ in: their tables, the name of their identity, and the columns that are published.

use std::sync::LazyLock;

use proto::Kind;

/// The statements of one kind. `?1` are the identities, a JSON array of hex, unless it is said otherwise.
pub(super) struct WithdrawalTables {
    /// The identities that are selected: authority, kid, from, until, whether they came without certificate (of no matter for keys).
    pub(super) pick: String,
    /// Feed by feed: path, how many wait, are sealed, are revoked.
    pub(super) tally: String,
    /// How many are known and wait nowhere.
    pub(super) tombstones: String,
    /// Deletes what waits, but for revocations.
    pub(super) unwait: String,
    /// Forgets what was set aside: what is withdrawn does not return.
    pub(super) forsake: String,
    /// Writes a revocation, to be released at `?2`, beside whatever is sealed and not revoked.
    pub(super) revoke: String,
    /// How many tombstones are due: those of keys whose validity ended at `?1` or before, of reports that were received by then.
    pub(super) due: String,
    /// Deletes at most `?2` of them.
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
    /// The columns of a waiting row behind its class, but for the report type, and what they hold in a revocation.
    columns: [&'static str; 2],
    /// Those of them that a sealed row has.
    published: &'static str,
    /// From which bit of a class on the report type stands: it is the highest part.
    class_bit: &'static str,
    /// When a tombstone is no longer needed.
    old: &'static str,
}

const KEYS: Parts = Parts {
    kind: "gaen",
    known: "gaen_key",
    id: "key",
    condition: "?5 IS NOT NULL",
    columns: [
        "rolling_start, rolling_period, transmission_risk, days_since_onset, policy_version, release_at",
        "rolling_start, rolling_period, transmission_risk, days_since_onset, policy_version,
            max(?2, ((rolling_start + rolling_period) * 600 + 7200 + 899) / 900 * 900)",
    ],
    published: "rolling_start, rolling_period, transmission_risk, days_since_onset, policy_version",
    class_bit: "49",
    old: "(rolling_start + rolling_period) * 600 <= ?1",
};

const REPORTS: Parts = Parts {
    kind: "tcn",
    known: "tcn_report",
    id: "rvk",
    condition: "(kid = '') = ?5",
    columns: [
        "signed_report, report_class, policy_version, release_at",
        "signed_report, report_class, policy_version, ?2",
    ],
    published: "signed_report, report_class, policy_version",
    class_bit: "32",
    old: "received_hour <= ?1",
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
            let [columns, values] = parts.columns;
            let more = [
                ("{columns}", columns),
                ("{values}", values),
                ("{published}", parts.published),
                ("{bit}", parts.class_bit),
                ("{old}", parts.old),
            ];
            names.into_iter().chain(more).fold(template.to_owned(), |sql, (name, part)| sql.replace(name, part))
        };
        let of_picked = |name: &str, template: &str| statement(&format!("-- {name}\n{PICKED} {template}"));
        let due = |head: &str, tail: &str| statement(&format!("{head} {DUE}{tail}"));
        Self {
            pick: statement(PICK),
            tally: of_picked("{kind}_waiting::tally", TALLY),
            tombstones: of_picked("{kind}_fresh::tombstones", TOMBSTONES),
            unwait: of_picked("{kind}_waiting::unwait", UNWAIT),
            forsake: of_picked("{kind}_quarantine::forsake", FORSAKE),
            revoke: of_picked("{kind}_waiting::revoke", REVOKE),
            due: due("-- {kind}_fresh::due\nSELECT count(*)", ""),
            forget: due(
                "-- {kind}_fresh::forget_tombstones\nDELETE FROM {kind}_fresh WHERE {id} IN (SELECT {id}",
                " LIMIT ?2)",
            ),
        }
    }
}

const PICK: &str = "-- {kind}_fresh::pick
    SELECT {id} FROM {kind}_fresh
    WHERE authority = ?1 AND (?2 IS NULL OR kid = ?2) AND {condition}
    AND (?3 IS NULL OR received_hour >= ?3 AND received_hour < ?4)
    UNION ALL
    SELECT {id} FROM {known}
    WHERE authority = ?1 AND (?2 IS NULL OR kid = ?2) AND {condition}
    AND (?3 IS NULL OR {id} IN (
        SELECT {id} FROM {kind}_publication AS published JOIN bundle USING (feed, sequence)
        WHERE published.revision = 0 AND sealed_at >= ?3 AND sealed_at < ?4))
    ORDER BY 1";

/// The identities that a statement is given. CROSS JOIN keeps the order in which tables are looked up.
const PICKED: &str = "WITH picked AS MATERIALIZED (SELECT unhex(value) AS {id} FROM json_each(?1))";

const TALLY: &str = "
    SELECT path, sum(NOT sealed AND NOT revoked), sum(sealed AND NOT revoked), sum(revoked)
    FROM (
        SELECT feed, {id}, max(sealed) AS sealed, max(revoked) AS revoked
        FROM (
            SELECT feed, waiting.{id}, 0 AS sealed, revision > 0 AND report_type = 5 AS revoked
            FROM picked CROSS JOIN feed CROSS JOIN {kind}_waiting AS waiting ON waiting.feed = feed.id AND waiting.{id} = picked.{id}
            UNION ALL
            SELECT feed, published.{id}, 1, revision > 0 AND report_type = 5
            FROM picked CROSS JOIN {kind}_publication AS published ON published.{id} = picked.{id}
        )
        GROUP BY feed, {id}
    ) AS standing
    JOIN feed ON feed.id = standing.feed
    GROUP BY path";

const TOMBSTONES: &str = "
    SELECT count(*) FROM picked CROSS JOIN {kind}_fresh AS fresh ON fresh.{id} = picked.{id}
    WHERE NOT EXISTS (SELECT 1 FROM feed CROSS JOIN {kind}_waiting AS waiting ON waiting.feed = feed.id
                      WHERE waiting.{id} = fresh.{id})";

const UNWAIT: &str = "
    DELETE FROM {kind}_waiting WHERE (feed, {id}) IN (SELECT feed.id, picked.{id} FROM picked CROSS JOIN feed)
    AND NOT (revision > 0 AND report_type = 5)";

const FORSAKE: &str = "
    DELETE FROM {kind}_quarantine WHERE {id} IN (SELECT {id} FROM picked)";

/// The revision that follows the highest one sealed in each feed, if that does not revoke and no revocation waits. What else waited was deleted. Of
/// the rows of a group SQLite takes the other columns from the one that has the maximum.
const REVOKE: &str = "
    INSERT INTO {kind}_waiting (feed, {id}, revision, class, report_type, {columns})
    SELECT feed, {id}, revision + 1, class & ((1 << {bit}) - 1) | (5 << {bit}), 5, {values}
    FROM (
        SELECT feed, published.{id}, max(revision) AS revision, report_type, class, {published}
        FROM picked CROSS JOIN {kind}_publication AS published ON published.{id} = picked.{id}
        GROUP BY feed, published.{id}
    ) AS latest
    WHERE NOT (revision > 0 AND report_type = 5)
    AND NOT EXISTS (SELECT 1 FROM {kind}_waiting AS waiting WHERE waiting.feed = latest.feed AND waiting.{id} = latest.{id})
    ORDER BY feed, {id}";

/// The tombstones that are no longer needed.
const DUE: &str = "FROM {kind}_fresh AS fresh WHERE {old}
    AND NOT EXISTS (SELECT 1 FROM feed CROSS JOIN {kind}_waiting AS waiting ON waiting.feed = feed.id
                    WHERE waiting.{id} = fresh.{id})
    AND NOT EXISTS (SELECT 1 FROM {kind}_quarantine AS aside WHERE aside.{id} = fresh.{id})";
