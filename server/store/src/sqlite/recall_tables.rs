//! The statements that recall a bundle of keys, or one of reports.

use std::sync::LazyLock;

use proto::Kind;

use crate::entry_tables::{EntryTables, KEYS, REPORTS};

/// The statements of one kind. `?1` is the feed and `?2` the bundle.
pub(super) struct RecallTables {
    /// The members' identities.
    pub(super) identities: String,
    /// Sets the member `?3` aside on the day `?4`.
    pub(super) set_aside: String,
    /// Deletes the member `?3`.
    pub(super) unpublish_one: String,
    /// What is said last of each member, as it is to wait, released at `?3` at the earliest: the columns of the waiting table.
    pub(super) come_back: String,
    /// Deletes what waits of the members.
    pub(super) unwait: String,
    /// Deletes the members.
    pub(super) unpublish: String,
    /// Deletes keys or reports that nothing needs, if the bundle was recalled and nobody could upload them again: their validity ended at `?3`.
    pub(super) forget_orphans: String,
}

/// Those of a kind.
pub(super) fn tables(kind: Kind) -> &'static RecallTables {
    static GAEN: LazyLock<RecallTables> = LazyLock::new(|| RecallTables::over(&KEYS));
    static TCN: LazyLock<RecallTables> = LazyLock::new(|| RecallTables::over(&REPORTS));
    match kind {
        Kind::Gaen => &GAEN,
        Kind::Tcn => &TCN,
    }
}

impl RecallTables {
    fn over(tables: &EntryTables) -> Self {
        Self {
            identities: tables.statement(IDENTITIES),
            set_aside: tables.statement(SET_ASIDE),
            unpublish_one: tables.statement(UNPUBLISH_ONE),
            come_back: tables.statement(COME_BACK),
            unwait: tables.statement(UNWAIT),
            unpublish: tables.statement(UNPUBLISH),
            forget_orphans: tables.statement(FORGET_ORPHANS).replace("{old}", "?3"),
        }
    }
}

const IDENTITIES: &str = "-- {kind}_publication::identities
    SELECT DISTINCT {id} FROM {kind}_publication WHERE feed = ?1 AND sequence = ?2";

const SET_ASIDE: &str = "-- {kind}_quarantine::set_aside (sealed)
    INSERT INTO {kind}_quarantine (feed, {id}, revision, class, {columns}, policy_version, set_aside_on)
    SELECT feed, {id}, revision, class, {columns}, policy_version, ?4
    FROM {kind}_publication WHERE feed = ?1 AND sequence = ?2 AND {id} = ?3
    ON CONFLICT DO NOTHING";

const UNPUBLISH_ONE: &str = "-- {kind}_publication::set_aside
    DELETE FROM {kind}_publication WHERE feed = ?1 AND sequence = ?2 AND {id} = ?3";

/// `said` holds all that is said in this feed of the members, `word` what is said last of each: of the rows of a group SQLite takes the other columns
/// from the one that has the maximum. `ordinary` are those whose first publication is to come, or to come once more: it takes what is said last,
/// unless that revokes.
const COME_BACK: &str = "-- {kind}_waiting::come_back
    WITH member AS MATERIALIZED (
        SELECT DISTINCT {id} FROM {kind}_publication WHERE feed = ?1 AND sequence = ?2
    ), said AS MATERIALIZED (
        SELECT {id}, revision, class, {columns}, policy_version, sequence = ?2 AS to_come
        FROM member CROSS JOIN {kind}_publication USING ({id}) WHERE feed = ?1
        UNION ALL
        SELECT {id}, revision, class, {columns}, policy_version, 1
        FROM member CROSS JOIN {kind}_waiting USING ({id}) WHERE feed = ?1
    ), ordinary AS MATERIALIZED (
        SELECT DISTINCT {id} FROM said WHERE revision = 0 AND to_come
    ), word AS (
        SELECT {id}, max(revision) AS revision, class, {columns}, policy_version, to_come FROM said GROUP BY {id}
    ), target AS (
        SELECT *, {id} IN (SELECT {id} FROM ordinary) AND NOT (revision > 0 AND report_type = 5) AS anew FROM word
    )
    SELECT ?1, {id}, CASE WHEN anew THEN 0 ELSE revision END, class, {columns}, policy_version, max(?3, {earliest})
    FROM target WHERE to_come OR anew ORDER BY {id}";

const UNWAIT: &str = "-- {kind}_waiting::recall
    DELETE FROM {kind}_waiting WHERE feed = ?1
    AND {id} IN (SELECT {id} FROM {kind}_publication WHERE feed = ?1 AND sequence = ?2)";

const UNPUBLISH: &str = "-- {kind}_publication::recall
    DELETE FROM {kind}_publication WHERE feed = ?1 AND sequence = ?2";

const FORGET_ORPHANS: &str = "-- {known}::forget_orphans
    DELETE FROM {known} WHERE (SELECT state IN ('recalled', 'void') FROM bundle WHERE feed = ?1 AND sequence = ?2)
    AND {outlived}
    AND NOT EXISTS (SELECT 1 FROM {kind}_publication AS other WHERE other.{id} = {known}.{id})
    AND NOT EXISTS (SELECT 1 FROM feed CROSS JOIN {kind}_waiting AS waiting ON waiting.feed = feed.id WHERE waiting.{id} = {known}.{id})
    AND NOT EXISTS (SELECT 1 FROM {kind}_quarantine AS aside WHERE aside.{id} = {known}.{id})";
