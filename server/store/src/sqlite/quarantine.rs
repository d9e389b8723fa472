//! `Quarantine` on SQLite. A transaction that writes began IMMEDIATE, so that nobody else writes meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use proto::{Feed, Kind, Timestamp};
use rusqlite::{Row, ToSql, Transaction, params};

use super::column::{number, time, value};
use super::feeds;
use super::key_store::SqliteKeyStore;
use super::kind;
use super::quarantine_tables::{QuarantineTables, tables};
use super::recall::{attempt, take_back, write_down};
use super::row_inspection::inspect;
use super::withdrawals;
use crate::bad_entry::{EntryName, EntryPlace};
use crate::error::StoreError;
use crate::quarantine::{
    Findings, OVERTAKEN, Quarantine, QuarantineOrder, Quarantined, Released, SET_ASIDE_FOR, SetAside, TAKEN_BACK,
};
use crate::release::report_release_at;

/// A day, in seconds.
const DAY: i64 = 86_400;

#[async_trait]
impl Quarantine for SqliteKeyStore {
    async fn inspect_rows(&self, feed: &Feed) -> Result<Findings, StoreError> {
        let (feed, clock) = (feed.clone(), self.clock.clone());
        self.pool.read("quarantine::inspect", move |tx| inspect(tx, &feed, clock.now())).await
    }

    async fn set_aside(&self, order: &QuarantineOrder) -> Result<SetAside, StoreError> {
        let (order, clock) = (order.clone(), self.clock.clone());
        let set_aside =
            move |tx: &Transaction<'_>| attempt(tx, order.act.is_some(), |tx| set_aside(tx, &order, clock.now()));
        let done = self.pool.write("quarantine::set_aside", set_aside).await?;
        // The log keeps what was deleted, and where it stood.
        self.empty_log().await;
        Ok(done)
    }

    async fn quarantined(&self, feed: &Feed) -> Result<Vec<Quarantined>, StoreError> {
        let feed = feed.clone();
        let aside = self.pool.read("quarantine::list", move |tx| list(tx, &feed)).await?;
        let mut list: Vec<_> = aside.into_iter().map(|aside| aside.said).collect();
        list.sort_by_key(|aside| (aside.entry, aside.revision));
        Ok(list)
    }

    async fn release(&self, order: &QuarantineOrder) -> Result<Released, StoreError> {
        let (order, clock) = (order.clone(), self.clock.clone());
        let release =
            move |tx: &Transaction<'_>| attempt(tx, order.act.is_some(), |tx| release(tx, &order, clock.now()));
        let done = self.pool.write("quarantine::release", release).await?;
        self.empty_log().await;
        Ok(done)
    }

    async fn forget_quarantined(&self) -> Result<u64, StoreError> {
        let clock = self.clock.clone();
        if !self.pool.read("quarantine::any", any).await? {
            return Ok(0);
        }
        let forgotten = self.pool.write("quarantine::forget", move |tx| forget(tx, clock.now())).await?;
        self.empty_log().await;
        Ok(forgotten)
    }
}

fn set_aside(tx: &Transaction<'_>, order: &QuarantineOrder, now: Timestamp) -> Result<SetAside, StoreError> {
    let QuarantineOrder { feed, entries, act } = order;
    let (id, tables) = (feeds::find(tx, feed)?.id, tables(feed.kind));
    let wanted: BTreeSet<EntryName> = entries.iter().copied().collect();
    let (mut missing, mut done) = (wanted.clone(), SetAside::default());
    for identity in named(tx, &tables.all_waiting, id, &wanted)? {
        missing.remove(&EntryName::of(&identity));
        tx.prepare_cached(&tables.set_aside)?.execute(params![id, identity, now.floor(DAY).unix()])?;
        done.waiting += tx.prepare_cached(&tables.unwait)?.execute(params![id, identity])? as u64;
    }
    let mut sealed = BTreeMap::<u64, Vec<EntryName>>::new();
    for (name, sequence, derived) in named_sealed(tx, tables, id, &wanted)? {
        if derived {
            done.published.push((name, sequence));
        } else {
            sealed.entry(sequence).or_default().push(name);
        }
    }
    for (sequence, without) in &sealed {
        // Each takes a number of its own.
        let row = feeds::find(tx, feed)?;
        done.voided.push(take_back(tx, (feed, &row), *sequence, without, now)?);
    }
    sealed.values().flatten().for_each(|name| _ = missing.remove(name));
    done.published.retain(|(name, _)| missing.contains(name));
    done.published.iter().for_each(|(name, _)| _ = missing.remove(name));
    let aside: BTreeSet<EntryName> = list(tx, feed)?.into_iter().map(|aside| aside.said.entry).collect();
    let (before, unknown): (Vec<_>, Vec<_>) = missing.into_iter().partition(|name| aside.contains(name));
    (done.before, done.unknown) = (before, unknown);
    if !done.is_nothing() {
        withdrawals::rewrite(tx, feed.kind)?;
        write_down(tx, act.as_ref(), done.to_json())?;
    }
    Ok(done)
}

/// Of the identities that a statement yields, those that have some names.
fn named(tx: &Transaction<'_>, sql: &str, feed: i64, names: &BTreeSet<EntryName>) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([feed])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let identity: Vec<u8> = value(row, 0)?;
        if names.contains(&EntryName::of(&identity)) {
            found.push(identity);
        }
    }
    Ok(found)
}

/// The bundles that have them, and whether each is derived.
fn named_sealed(
    tx: &Transaction<'_>,
    tables: &QuarantineTables,
    feed: i64,
    names: &BTreeSet<EntryName>,
) -> Result<Vec<(EntryName, u64, bool)>, StoreError> {
    let mut statement = tx.prepare_cached(&tables.all_sealed)?;
    let mut rows = statement.query([feed])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let name = EntryName::of(&value::<Vec<u8>>(row, 0)?);
        if names.contains(&name) {
            found.push((name, number(row, 1)?, value(row, 2)?));
        }
    }
    Ok(found)
}

/// A publication that is set aside.
struct Aside {
    identity: Vec<u8>,
    said: Quarantined,
}

fn list(tx: &Transaction<'_>, feed: &Feed) -> Result<Vec<Aside>, StoreError> {
    let id = feeds::find(tx, feed)?.id;
    let mut statement = tx.prepare_cached(&tables(feed.kind).aside)?;
    // The columns that every member has, those of the kind, and four more.
    let first = statement.column_count() - 4;
    let mut rows = statement.query([id])?;
    let mut aside = Vec::new();
    while let Some(row) = rows.next()? {
        aside.push(read(feed, row, first)?);
    }
    Ok(aside)
}

fn read(feed: &Feed, row: &Row<'_>, first: usize) -> Result<Aside, StoreError> {
    let identity: Vec<u8> = value(row, 2)?;
    let (known, overtaken): (bool, bool) = (value(row, first + 2)?, value(row, first + 3)?);
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

fn release(tx: &Transaction<'_>, order: &QuarantineOrder, now: Timestamp) -> Result<Released, StoreError> {
    let QuarantineOrder { feed, entries, act } = order;
    let (id, tables) = (feeds::find(tx, feed)?.id, tables(feed.kind));
    let release_at = report_release_at(now).unix();
    let (mut done, mut missing) = (Released::default(), BTreeSet::from_iter(entries.iter().copied()));
    for Aside { identity, said } in list(tx, feed)? {
        if !entries.contains(&said.entry) {
            continue;
        }
        missing.remove(&said.entry);
        match said.breaks {
            Some(why) => done.refused.push((said.entry, why)),
            None => {
                let given: [&dyn ToSql; 4] = [&id, &identity, &said.revision, &release_at];
                done.returned += tx.prepare_cached(&tables.release)?.execute(&given[..])? as u64;
                tx.prepare_cached(&tables.unset)?.execute(&given[..3])?;
            }
        }
    }
    done.refused.extend(missing.into_iter().map(|name| (name, "is not set aside in this feed".to_owned())));
    if done.returned > 0 {
        withdrawals::rewrite(tx, feed.kind)?;
        write_down(tx, act.as_ref(), done.to_json())?;
    }
    Ok(done)
}

fn any(tx: &Transaction<'_>) -> Result<bool, StoreError> {
    const SQL: &str = "-- quarantine::any
        SELECT 1 FROM gaen_quarantine UNION ALL SELECT 1 FROM tcn_quarantine LIMIT 1";
    Ok(tx.prepare_cached(SQL)?.exists([])?)
}

fn forget(tx: &Transaction<'_>, now: Timestamp) -> Result<u64, StoreError> {
    let old = now.plus(-SET_ASIDE_FOR).unix();
    let mut forgotten = 0;
    for kind in Kind::ALL {
        let tables = tables(kind);
        let mut select = tx.prepare_cached(&tables.old)?;
        let identities: Vec<Vec<u8>> = select.query_map([old], |row| row.get(0))?.collect::<Result<_, _>>()?;
        forgotten += tx.prepare_cached(&tables.forget)?.execute([old])? as u64;
        for identity in identities {
            tx.prepare_cached(&tables.forget_known)?.execute([identity])?;
        }
    }
    Ok(forgotten)
}
