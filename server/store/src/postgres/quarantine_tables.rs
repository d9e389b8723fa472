//! The statements that set aside keys, or reports, and let them return.

use std::sync::LazyLock;

use proto::Kind;

use crate::entry_tables::{EntryTables, KEYS, REPORTS};

/// The statements of one kind. `$1` is the feed.
pub(super) struct QuarantineTables {
    /// What waits, as members are read, with its `release_at` behind, in the order of bytes.
    pub(super) waiting: String,
    /// The identities among what waits that have the names `$2`.
    pub(super) named_waiting: String,
    /// The same among what is sealed, with bundle and whether that is derived.
    pub(super) named_sealed: String,
    /// The same among what is set aside.
    pub(super) named_aside: String,
    /// Sets aside what waits of the identities `$2`, on the day `$3`.
    pub(super) set_aside: String,
    /// What is set aside, as members are read, with behind it the revision, the day, whether it is known and not taken back, and whether something
    /// else of it is to be published or was.
    pub(super) aside: String,
    /// Lets what is set aside of the identity `$2` with the revision `$3` wait, released at `$4` at the earliest.
    pub(super) release: String,
    /// Deletes what was set aside at `$1` or before, and yields its identities.
    pub(super) forget: String,
    /// Deletes those of the identities `$1` that nothing needs.
    pub(super) forget_known: String,
}

/// Those of a kind.
pub(super) fn tables(kind: Kind) -> &'static QuarantineTables {
    static GAEN: LazyLock<QuarantineTables> = LazyLock::new(|| QuarantineTables::over(&KEYS));
    static TCN: LazyLock<QuarantineTables> = LazyLock::new(|| QuarantineTables::over(&REPORTS));
    match kind {
        Kind::Gaen => &GAEN,
        Kind::Tcn => &TCN,
    }
}

impl QuarantineTables {
    fn over(tables: &EntryTables) -> Self {
        Self {
            waiting: tables.statement(WAITING),
            named_waiting: tables.statement(NAMED_WAITING),
            named_sealed: tables.statement(NAMED_SEALED),
            named_aside: tables.statement(NAMED_ASIDE),
            set_aside: tables.statement(SET_ASIDE),
            aside: tables.statement(ASIDE),
            release: tables.statement(RELEASE),
            forget: tables.statement(FORGET),
            forget_known: tables.statement(FORGET_KNOWN),
        }
    }
}

const WAITING: &str = "-- {kind}_waiting::inspect
    SELECT revision > 0, class, {id}, {columns}, release_at FROM {kind}_waiting WHERE feed = $1 ORDER BY {id}, revision";

const NAMED_WAITING: &str = "-- {kind}_waiting::named
    SELECT DISTINCT {id} FROM {kind}_waiting WHERE feed = $1 AND substring(sha256({id}) FOR 8) = ANY ($2::bytea[])";

const NAMED_SEALED: &str = "-- {kind}_publication::named (feed)
    SELECT DISTINCT {id}, sequence, derived_at IS NOT NULL
    FROM {kind}_publication JOIN bundle USING (feed, sequence)
    WHERE feed = $1 AND substring(sha256({id}) FOR 8) = ANY ($2::bytea[]) ORDER BY sequence, {id}";

const NAMED_ASIDE: &str = "-- {kind}_quarantine::named
    SELECT DISTINCT {id} FROM {kind}_quarantine WHERE feed = $1 AND substring(sha256({id}) FOR 8) = ANY ($2::bytea[])";

const SET_ASIDE: &str = "-- {kind}_quarantine::set_aside (waiting)
    WITH bad AS (
        DELETE FROM {kind}_waiting WHERE feed = $1 AND {id} = ANY ($2::bytea[]) RETURNING *
    )
    INSERT INTO {kind}_quarantine (feed, {id}, revision, class, {columns}, policy_version, set_aside_on)
    SELECT feed, {id}, revision, class, {columns}, policy_version, $3::bigint FROM bad ORDER BY {id}, revision
    ON CONFLICT DO NOTHING";

const ASIDE: &str = "-- {kind}_quarantine::list
    SELECT revision > 0, class, {id}, {columns}, revision, set_aside_on,
        (SELECT NOT ({disproved}) FROM {kind}_fresh AS fresh WHERE fresh.{id} = aside.{id})
        OR (SELECT true FROM {known} AS known WHERE known.{id} = aside.{id}),
        (SELECT true FROM {kind}_waiting AS waiting WHERE waiting.feed = $1 AND waiting.{id} = aside.{id}
         AND (waiting.revision >= aside.revision OR aside.revision = 0) LIMIT 1)
        OR (SELECT true FROM {kind}_publication AS sealed WHERE sealed.feed = $1 AND sealed.{id} = aside.{id}
            AND sealed.revision >= aside.revision LIMIT 1)
    FROM {kind}_quarantine AS aside WHERE feed = $1 ORDER BY {id}, revision";

const RELEASE: &str = "-- {kind}_quarantine::release
    WITH good AS (
        DELETE FROM {kind}_quarantine WHERE feed = $1 AND {id} = $2 AND revision = $3 RETURNING *
    )
    INSERT INTO {kind}_waiting (feed, {id}, revision, class, {columns}, policy_version, release_at)
    SELECT feed, {id}, revision, class, {columns}, policy_version, greatest($4::bigint, {earliest}) FROM good";

const FORGET: &str = "-- {kind}_quarantine::forget
    DELETE FROM {kind}_quarantine WHERE set_aside_on <= $1 RETURNING {id}";

const FORGET_KNOWN: &str = "-- {kind}_kept::forget_quarantined
    DELETE FROM {kind}_kept AS known WHERE {id} = ANY ($1::bytea[])
    AND (SELECT true FROM {kind}_publication AS other WHERE other.{id} = known.{id} LIMIT 1) IS NULL
    AND (SELECT true FROM {kind}_waiting AS waiting
         WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.{id} = known.{id} LIMIT 1) IS NULL
    AND (SELECT true FROM {kind}_quarantine AS aside WHERE aside.{id} = known.{id} LIMIT 1) IS NULL";
