//! The statements that recall a bundle of keys, or one of reports.

use std::sync::LazyLock;

use proto::Kind;

use crate::entry_tables::{EntryTables, KEYS, REPORTS};

/// The statements of one kind. `$1` is the feed and `$2` the bundle.
pub(super) struct RecallTables {
    /// The members with the names `$3`.
    pub(super) named: String,
    /// Sets the members `$3` aside on the day `$4`.
    pub(super) set_aside: String,
    /// Lets what is said last of each member wait, released at `$3` at the earliest.
    pub(super) come_back: String,
    /// Deletes the members.
    pub(super) unpublish: String,
    /// Deletes keys or reports that nothing needs, if the bundle was recalled and nobody could upload them again: their validity ended at `$3`.
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
            named: tables.statement(NAMED),
            set_aside: tables.statement(SET_ASIDE),
            come_back: tables.statement(COME_BACK),
            unpublish: tables.statement(UNPUBLISH),
            forget_orphans: tables.statement(FORGET_ORPHANS).replace("{old}", "$3::bigint"),
        }
    }
}

const NAMED: &str = "-- {kind}_publication::named
    SELECT DISTINCT {id} FROM {kind}_publication
    WHERE feed = $1 AND sequence = $2 AND substring(sha256({id}) FOR 8) = ANY ($3::bytea[])";

const SET_ASIDE: &str = "-- {kind}_quarantine::set_aside (sealed)
    WITH bad AS (
        DELETE FROM {kind}_publication WHERE feed = $1 AND sequence = $2 AND {id} = ANY ($3::bytea[])
        RETURNING feed, {id}, revision, class, {columns}, policy_version
    )
    INSERT INTO {kind}_quarantine (feed, {id}, revision, class, {columns}, policy_version, set_aside_on)
    SELECT feed, {id}, revision, class, {columns}, policy_version, $4::bigint FROM bad ORDER BY {id}, revision
    ON CONFLICT DO NOTHING";

/// `said` holds all that is said in this feed of the members, `word` what is said last of each. `ordinary` are those whose first publication is to
/// come, or to come once more: it takes what is said last, unless that revokes. What waited of the members is deleted first, as in a seal's shuffle.
const COME_BACK: &str = "-- {kind}_waiting::come_back
    WITH member AS MATERIALIZED (
        SELECT DISTINCT {id} FROM {kind}_publication WHERE feed = $1 AND sequence = $2
    ), said AS MATERIALIZED (
        SELECT {id}, revision, class, {columns}, policy_version, sequence = $2 AS to_come
        FROM {kind}_publication WHERE feed = $1 AND {id} IN (SELECT {id} FROM member)
        UNION ALL
        SELECT {id}, revision, class, {columns}, policy_version, true
        FROM {kind}_waiting WHERE feed = $1 AND {id} IN (SELECT {id} FROM member)
    ), ordinary AS MATERIALIZED (
        SELECT DISTINCT {id} FROM said WHERE revision = 0 AND to_come
    ), word AS (
        SELECT DISTINCT ON ({id}) *, revision > 0 AND report_type = 5 AS revokes FROM said ORDER BY {id}, revision DESC
    ), gone AS (
        DELETE FROM {kind}_waiting AS waiting USING member WHERE waiting.feed = $1 AND waiting.{id} = member.{id} RETURNING 1
    )
    INSERT INTO {kind}_waiting (feed, {id}, revision, class, {columns}, policy_version, release_at)
    SELECT $1, {id}, CASE WHEN ordinary.{id} IS NOT NULL AND NOT revokes THEN 0 ELSE revision END, class, {columns}, policy_version,
           greatest($3::bigint, {earliest})
    FROM word LEFT JOIN ordinary USING ({id})
    WHERE (to_come OR ordinary.{id} IS NOT NULL AND NOT revokes) AND (SELECT count(*) FROM gone) >= 0
    ORDER BY {id}";

const UNPUBLISH: &str = "-- {kind}_publication::recall
    DELETE FROM {kind}_publication WHERE feed = $1 AND sequence = $2";

/// What a publication carries is needed as long as that is there.
const FORGET_ORPHANS: &str = "-- {kind}_kept::forget_orphans
    DELETE FROM {kind}_kept WHERE {id} = ANY (ARRAY(
        SELECT {id} FROM {kind}_kept AS known
        WHERE (SELECT state IN ('recalled', 'void') FROM bundle WHERE feed = $1 AND sequence = $2)
        AND {outlived}
        AND (SELECT true FROM {kind}_publication AS other WHERE other.{id} = known.{id} LIMIT 1) IS NULL
        AND (SELECT true FROM {kind}_waiting AS waiting
             WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.{id} = known.{id} LIMIT 1) IS NULL
        AND (SELECT true FROM {kind}_quarantine AS aside WHERE aside.{id} = known.{id} LIMIT 1) IS NULL))";
