//! Adding filler to what a seal takes, in the seal's own transaction. What remains of it is written anew with everything else that is fresh or waits,
//! as after every seal.

use std::collections::HashMap;

use proto::{Feed, Kind, Timestamp};
use rusqlite::{Transaction, params};

use super::column::{integer, value};
use super::feeds::{self, FeedRow};
use super::filler::holds;
use super::withdrawals::json;
use super::{gaen, revise, tcn, withdrawal_tables};
use crate::bundles::SealPolicy;
use crate::error::StoreError;
use crate::filler::{FillerEntries, FillerMark, FillerPerson, FillerRevision, Needs};
use crate::withdrawals::Identity;

/// Adds what is needed of what was drawn, before anything is counted; the mark of who came, if anybody did. If the feed is held all the same, nothing
/// is added: it would wait, and nobody would know it again.
pub(super) fn add(
    tx: &Transaction<'_>,
    (feed, id): (&Feed, i64),
    policy: &SealPolicy,
    now: Timestamp,
) -> Result<Option<FillerMark>, StoreError> {
    let Some(filler) = &policy.filler else { return Ok(None) };
    let holds = holds(tx, (feed, id), now)?;
    let needs = holds.needs(&filler.rules);
    if needs.is_nothing() {
        return Ok(None);
    }
    let revisions = if needs.revise {
        let identities: Vec<Identity> = filler.revisions.iter().flat_map(FillerRevision::identities).collect();
        filler.who_is_revised(holds.revised, &unrevised(tx, (feed.kind, id), &identities)?)
    } else {
        Vec::new()
    };
    let coming = filler.who_comes(&holds, Needs { plant: needs.plant && revisions.is_empty(), ..needs });
    let there = holds.ordinary + coming.iter().map(|person| person.ripe(now)).sum::<u64>();
    if there < filler.rules.minimum {
        return Ok(None);
    }
    revisions.into_iter().try_for_each(|revision| revise(tx, feed.kind, revision))?;
    coming.iter().try_for_each(|person| write(tx, person))?;
    Ok(coming.last().map(|last| last.mark))
}

/// Marks the bundles that a seal made.
pub(super) fn mark(tx: &Transaction<'_>, feed: &FeedRow, mark: FillerMark) -> Result<(), StoreError> {
    const SQL: &str = "-- filler::mark
        UPDATE bundle SET filler_mark = ?3 WHERE feed = ?1 AND sequence >= ?2";
    tx.prepare_cached(SQL)?.execute(params![feed.id, integer(feed.next_sequence), mark.0])?;
    Ok(())
}

/// Which of these are known and not revised anywhere, and whether each is sealed in the feed.
fn unrevised(
    tx: &Transaction<'_>,
    (kind, feed): (Kind, i64),
    identities: &[Identity],
) -> Result<HashMap<Identity, bool>, StoreError> {
    const KEYS: &str = "-- filler::unrevised_keys
        WITH given AS MATERIALIZED (SELECT unhex(value) AS key FROM json_each(?1))
        SELECT given.key, EXISTS (SELECT 1 FROM gaen_publication AS sealed WHERE sealed.key = given.key AND feed = ?2)
        FROM given
        WHERE NOT EXISTS (SELECT 1 FROM gaen_publication AS sealed WHERE sealed.key = given.key AND revision > 0)
        AND NOT EXISTS (SELECT 1 FROM feed CROSS JOIN gaen_waiting AS waiting ON waiting.feed = feed.id
                        WHERE waiting.key = given.key AND revision > 0)
        AND (EXISTS (SELECT 1 FROM gaen_publication AS sealed WHERE sealed.key = given.key)
             OR EXISTS (SELECT 1 FROM feed CROSS JOIN gaen_waiting AS waiting ON waiting.feed = feed.id WHERE waiting.key = given.key))";
    const REPORTS: &str = "-- filler::unrevised_reports
        WITH given AS MATERIALIZED (SELECT unhex(value) AS rvk FROM json_each(?1))
        SELECT given.rvk, EXISTS (SELECT 1 FROM tcn_publication AS sealed WHERE sealed.rvk = given.rvk AND feed = ?2)
        FROM given
        WHERE NOT EXISTS (SELECT 1 FROM tcn_publication AS sealed WHERE sealed.rvk = given.rvk AND revision > 0)
        AND NOT EXISTS (SELECT 1 FROM feed CROSS JOIN tcn_waiting AS waiting ON waiting.feed = feed.id
                        WHERE waiting.rvk = given.rvk AND revision > 0)
        AND (EXISTS (SELECT 1 FROM tcn_publication AS sealed WHERE sealed.rvk = given.rvk)
             OR EXISTS (SELECT 1 FROM feed CROSS JOIN tcn_waiting AS waiting ON waiting.feed = feed.id WHERE waiting.rvk = given.rvk))";
    let mut statement = tx.prepare_cached(if kind == Kind::Gaen { KEYS } else { REPORTS })?;
    let mut rows = statement.query(params![json(identities), feed])?;
    let mut unrevised = HashMap::new();
    while let Some(row) = rows.next()? {
        unrevised.insert(value(row, 0)?, value(row, 1)?);
    }
    Ok(unrevised)
}

fn revise(tx: &Transaction<'_>, kind: Kind, revision: &FillerRevision) -> Result<(), StoreError> {
    match revision {
        FillerRevision::Said { keys, policy_version } => {
            keys.iter().try_for_each(|key| revise::write(tx, key, *policy_version))
        }
        FillerRevision::Withdrawn { identities, release_at } => {
            let (tables, given) = (withdrawal_tables::tables(kind), json(identities));
            tx.prepare_cached(&tables.unwait)?.execute([&given])?;
            tx.prepare_cached(&tables.revoke)?.execute(params![given, release_at.unix()])?;
            Ok(())
        }
    }
}

/// Writes somebody as an upload is written.
fn write(tx: &Transaction<'_>, person: &FillerPerson) -> Result<(), StoreError> {
    let provenance = &person.provenance;
    let feeds: Vec<i64> =
        person.feeds.iter().map(|feed| Ok(feeds::find(tx, feed)?.id)).collect::<Result<_, StoreError>>()?;
    let known = || StoreError::Corrupt("filler that is known already".into());
    match &person.entries {
        FillerEntries::Keys(keys) => {
            for key in keys {
                gaen::insert_fresh(tx, key, provenance)?.then_some(()).ok_or_else(known)?;
                for feed in &feeds {
                    gaen::insert_waiting(tx, *feed, key, provenance.policy_version)?;
                }
            }
        }
        FillerEntries::Reports(reports) => {
            for report in reports {
                tcn::insert_fresh(tx, report, provenance)?.then_some(()).ok_or_else(known)?;
                for feed in &feeds {
                    tcn::insert_waiting(tx, *feed, report, provenance.policy_version)?;
                }
            }
        }
    }
    Ok(())
}
