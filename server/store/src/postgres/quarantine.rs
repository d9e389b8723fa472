//! `Quarantine` on PostgreSQL: what changes anything is one transaction under the lock of the seals.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use proto::{Feed, Kind};
use tokio_postgres::Row;

use super::column::{number, time, value};
use super::feeds;
use super::key_store::PostgresKeyStore;
use super::kind;
use super::quarantine_tables::{QuarantineTables, tables};
use super::recall::{LOCK, take_back, write_down};
use super::row_inspection::inspect;
use super::transaction::{Mode, Transaction};
use super::withdrawals;
use crate::bad_entry::{EntryName, EntryPlace};
use crate::clock::Clock;
use crate::error::StoreError;
use crate::quarantine::{
    Findings, OVERTAKEN, Quarantine, QuarantineOrder, Quarantined, Released, SET_ASIDE_FOR, SetAside, TAKEN_BACK,
};
use crate::release::report_release_at;

/// A day, in seconds.
const DAY: i64 = 86_400;

#[async_trait]
impl Quarantine for PostgresKeyStore {
    async fn inspect_rows(&self, feed: &Feed) -> Result<Findings, StoreError> {
        let given = (feed, &self.clock);
        self.pool.transact("quarantine::inspect", Mode::Read, &given, |tx, given| Box::pin(inspect(tx, *given))).await
    }

    async fn set_aside(&self, order: &QuarantineOrder) -> Result<SetAside, StoreError> {
        let given = (order, &self.clock);
        let set_aside = self
            .pool
            .transact("quarantine::set_aside", Mode::Frozen, &given, |tx, given| Box::pin(set_aside(tx, *given)));
        set_aside.await
    }

    async fn quarantined(&self, feed: &Feed) -> Result<Vec<Quarantined>, StoreError> {
        let given = (feed, &self.clock);
        let list = self.pool.transact("quarantine::list", Mode::Read, &given, |tx, (feed, clock)| {
            Box::pin(async move {
                let mut list: Vec<_> = list(tx, (feed, clock)).await?.into_iter().map(|aside| aside.said).collect();
                list.sort_by_key(|aside| (aside.entry, aside.revision));
                Ok(list)
            })
        });
        list.await
    }

    async fn release(&self, order: &QuarantineOrder) -> Result<Released, StoreError> {
        let given = (order, &self.clock);
        let release =
            self.pool.transact("quarantine::release", Mode::Frozen, &given, |tx, given| Box::pin(release(tx, *given)));
        release.await
    }

    async fn forget_quarantined(&self) -> Result<u64, StoreError> {
        let forget =
            self.pool.transact("quarantine::forget", Mode::Write, &self.clock, |tx, clock| Box::pin(forget(tx, clock)));
        forget.await
    }
}

async fn set_aside(tx: &Transaction<'_>, (order, clock): (&QuarantineOrder, &Clock)) -> Result<SetAside, StoreError> {
    tx.command(LOCK).await?;
    let QuarantineOrder { feed, entries, act } = order;
    let (row, tables) = (feeds::find(tx, feed, clock).await?, tables(feed.kind));
    let mut missing: BTreeSet<EntryName> = entries.iter().copied().collect();
    let mut done = SetAside::default();

    let waiting = named(tx, &tables.named_waiting, row.id, &missing).await?;
    done.waiting = tx.execute(&tables.set_aside, &[&row.id, &waiting, &row.now.floor(DAY).unix()]).await?;
    let mut sealed = BTreeMap::<u64, Vec<EntryName>>::new();
    for (name, sequence, derived) in named_sealed(tx, tables, row.id, &missing).await? {
        if derived {
            done.published.push((name, sequence));
        } else {
            sealed.entry(sequence).or_default().push(name);
        }
    }
    for (sequence, without) in &sealed {
        // Each takes a number of its own.
        let row = feeds::find(tx, feed, clock).await?;
        done.voided.push(take_back(tx, (feed, &row), *sequence, without).await?);
    }
    for name in waiting.iter().map(|identity| EntryName::of(identity)).chain(sealed.into_values().flatten()) {
        missing.remove(&name);
    }
    done.published.retain(|(name, _)| missing.contains(name));
    done.published.iter().for_each(|(name, _)| _ = missing.remove(name));
    for identity in named(tx, &tables.named_aside, row.id, &missing).await? {
        let name = EntryName::of(&identity);
        missing.remove(&name);
        done.before.push(name);
    }
    done.unknown.extend(missing);
    let act = act.as_ref().filter(|_| !done.is_nothing());
    write_down(tx, act, done.to_json()).await?;
    Ok(done)
}

/// The identities that have some names.
async fn named(
    tx: &Transaction<'_>,
    sql: &'static str,
    feed: i32,
    names: &BTreeSet<EntryName>,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let names: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    tx.rows(sql, &[&feed, &names]).await?.iter().map(|row| value(row, 0)).collect()
}

/// The bundles that have them, and whether each is derived.
async fn named_sealed(
    tx: &Transaction<'_>,
    tables: &'static QuarantineTables,
    feed: i32,
    names: &BTreeSet<EntryName>,
) -> Result<Vec<(EntryName, u64, bool)>, StoreError> {
    let names: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    let rows = tx.rows(&tables.named_sealed, &[&feed, &names]).await?;
    rows.iter().map(|row| Ok((EntryName::of(value(row, 0)?), number(row, 1)?, value(row, 2)?))).collect()
}

/// A publication that is set aside.
struct Aside {
    identity: Vec<u8>,
    said: Quarantined,
}

async fn list(tx: &Transaction<'_>, (feed, clock): (&Feed, &Clock)) -> Result<Vec<Aside>, StoreError> {
    let id = feeds::find(tx, feed, clock).await?.id;
    let rows = tx.rows(&tables(feed.kind).aside, &[&id]).await?;
    rows.iter().map(|row| read(feed, row)).collect()
}

fn read(feed: &Feed, row: &Row) -> Result<Aside, StoreError> {
    // The columns that every member has, those of the kind, and these.
    let first = row.len() - 4;
    let identity: Vec<u8> = value(row, 2)?;
    let known = value::<Option<bool>>(row, first + 2)?.unwrap_or_default();
    let overtaken = value::<Option<bool>>(row, first + 3)?.unwrap_or_default();
    let breaks = match kind::tables(feed.kind).entry(row, (feed, EntryPlace::Waiting), None) {
        Err(StoreError::BadEntry(bad)) => Some(bad.breaks),
        Err(other) => return Err(other),
        Ok(_) if !known => Some(TAKEN_BACK.to_owned()),
        Ok(_) if overtaken => Some(OVERTAKEN.to_owned()),
        Ok(_) => None,
    };
    let (revision, day) = (number(row, first)?, time(row, first + 1)?);
    Ok(Aside { said: Quarantined { entry: EntryName::of(&identity), revision, day, breaks }, identity })
}

async fn release(tx: &Transaction<'_>, (order, clock): (&QuarantineOrder, &Clock)) -> Result<Released, StoreError> {
    tx.command(LOCK).await?;
    let QuarantineOrder { feed, entries, act } = order;
    let row = feeds::find(tx, feed, clock).await?;
    let release_at = report_release_at(row.now).unix();
    let (mut done, mut missing) = (Released::default(), BTreeSet::from_iter(entries.iter().copied()));
    for Aside { identity, said } in list(tx, (feed, clock)).await? {
        if !entries.contains(&said.entry) {
            continue;
        }
        missing.remove(&said.entry);
        match said.breaks {
            Some(why) => done.refused.push((said.entry, why)),
            None => {
                let revision = i32::try_from(said.revision).unwrap_or(i32::MAX);
                let given: super::transaction::Params<'_> = &[&row.id, &identity, &revision, &release_at];
                done.returned += tx.execute(&tables(feed.kind).release, given).await?;
            }
        }
    }
    done.refused.extend(missing.into_iter().map(|name| (name, "is not set aside in this feed".to_owned())));
    let act = act.as_ref().filter(|_| done.returned > 0);
    write_down(tx, act, done.to_json()).await?;
    Ok(done)
}

async fn forget(tx: &Transaction<'_>, clock: &Clock) -> Result<u64, StoreError> {
    const ANY: &str = "-- quarantine::any
        SELECT FROM gaen_quarantine UNION ALL SELECT FROM tcn_quarantine LIMIT 1";
    if tx.maybe_row(ANY, &[]).await?.is_none() {
        return Ok(0);
    }
    tx.command("LOCK TABLE seal_lock IN EXCLUSIVE MODE").await?;
    let old = withdrawals::now(tx, clock).await?.plus(-SET_ASIDE_FOR).unix();
    let mut forgotten = 0;
    for kind in Kind::ALL {
        let rows = tx.rows(&tables(kind).forget, &[&old]).await?;
        let identities = rows.iter().map(|row| value(row, 0)).collect::<Result<Vec<&[u8]>, _>>()?;
        tx.execute(&tables(kind).forget_known, &[&identities]).await?;
        forgotten += rows.len() as u64;
    }
    Ok(forgotten)
}
