//! The statements that set aside keys, or reports, and let them return.

use std::sync::LazyLock;

use proto::Kind;

use crate::entry_tables::{EntryTables, KEYS, REPORTS};

/// The statements of one kind. `?1` is the feed.
pub(super) struct QuarantineTables {
    /// What waits, as members are read, with its `release_at` behind, in the order of bytes.
    pub(super) waiting: String,
    /// The identities of what waits.
    pub(super) all_waiting: String,
    /// The identities of what is sealed, with bundle and whether that is derived.
    pub(super) all_sealed: String,
    /// Sets aside what waits of the identity `?2`, on the day `?3`.
    pub(super) set_aside: String,
    /// Deletes what waits of the identity `?2`.
    pub(super) unwait: String,
    /// What is set aside, as members are read, with behind it the revision, the day, whether it is known and not taken back, and whether something
    /// else of it is to be published or was.
    pub(super) aside: String,
    /// Lets what is set aside of the identity `?2` with the revision `?3` wait, released at `?4` at the earliest.
    pub(super) release: String,
    /// Deletes what is set aside of the identity `?2` with the revision `?3`.
    pub(super) unset: String,
    /// The identities of what was set aside at `?1` or before.
    pub(super) old: String,
    /// Deletes what was set aside then.
    pub(super) forget: String,
    /// Deletes the identity `?1` if nothing needs it.
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
            all_waiting: tables.statement(ALL_WAITING),
            all_sealed: tables.statement(ALL_SEALED),
            set_aside: tables.statement(SET_ASIDE),
            unwait: tables.statement(UNWAIT),
            aside: tables.statement(ASIDE),
            release: tables.statement(RELEASE),
            unset: tables.statement(UNSET),
            old: tables.statement(OLD),
            forget: tables.statement(FORGET),
            forget_known: tables.statement(FORGET_KNOWN),
        }
    }
}

const WAITING: &str = "-- {kind}_waiting::inspect
    SELECT revision > 0, class, {id}, {columns}, release_at FROM {kind}_waiting WHERE feed = ?1 ORDER BY {id}, revision";

const ALL_WAITING: &str = "-- {kind}_waiting::identities
    SELECT DISTINCT {id} FROM {kind}_waiting WHERE feed = ?1";

const ALL_SEALED: &str = "-- {kind}_publication::identities (feed)
    SELECT DISTINCT {id}, sequence, derived_at IS NOT NULL
    FROM {kind}_publication JOIN bundle USING (feed, sequence) WHERE feed = ?1";

const SET_ASIDE: &str = "-- {kind}_quarantine::set_aside (waiting)
    INSERT INTO {kind}_quarantine (feed, {id}, revision, class, {columns}, policy_version, set_aside_on)
    SELECT feed, {id}, revision, class, {columns}, policy_version, ?3
    FROM {kind}_waiting WHERE feed = ?1 AND {id} = ?2
    ON CONFLICT DO NOTHING";

const UNWAIT: &str = "-- {kind}_waiting::set_aside
    DELETE FROM {kind}_waiting WHERE feed = ?1 AND {id} = ?2";

const ASIDE: &str = "-- {kind}_quarantine::list
    SELECT revision > 0, class, {id}, {columns}, revision, set_aside_on,
        EXISTS (SELECT 1 FROM {kind}_fresh AS fresh WHERE fresh.{id} = aside.{id} AND NOT ({disproved}))
        OR EXISTS (SELECT 1 FROM {known} AS known WHERE known.{id} = aside.{id}),
        EXISTS (SELECT 1 FROM {kind}_waiting AS waiting WHERE waiting.feed = ?1 AND waiting.{id} = aside.{id}
                AND (waiting.revision >= aside.revision OR aside.revision = 0))
        OR EXISTS (SELECT 1 FROM {kind}_publication AS sealed WHERE sealed.feed = ?1 AND sealed.{id} = aside.{id}
                   AND sealed.revision >= aside.revision)
    FROM {kind}_quarantine AS aside WHERE feed = ?1 ORDER BY {id}, revision";

const RELEASE: &str = "-- {kind}_quarantine::release
    INSERT INTO {kind}_waiting (feed, {id}, revision, class, {columns}, policy_version, release_at)
    SELECT feed, {id}, revision, class, {columns}, policy_version, max(?4, {earliest})
    FROM {kind}_quarantine WHERE feed = ?1 AND {id} = ?2 AND revision = ?3";

const UNSET: &str = "-- {kind}_quarantine::unset
    DELETE FROM {kind}_quarantine WHERE feed = ?1 AND {id} = ?2 AND revision = ?3";

const OLD: &str = "-- {kind}_quarantine::old
    SELECT {id} FROM {kind}_quarantine WHERE set_aside_on <= ?1";

const FORGET: &str = "-- {kind}_quarantine::forget
    DELETE FROM {kind}_quarantine WHERE set_aside_on <= ?1";

const FORGET_KNOWN: &str = "-- {known}::forget_quarantined
    DELETE FROM {known} WHERE {id} = ?1
    AND NOT EXISTS (SELECT 1 FROM {kind}_publication AS other WHERE other.{id} = ?1)
    AND NOT EXISTS (SELECT 1 FROM feed CROSS JOIN {kind}_waiting AS waiting ON waiting.feed = feed.id WHERE waiting.{id} = ?1)
    AND NOT EXISTS (SELECT 1 FROM {kind}_quarantine AS aside WHERE aside.{id} = ?1)";
