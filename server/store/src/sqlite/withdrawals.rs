//! `Withdrawals` on SQLite. A transaction that writes began IMMEDIATE, so that nobody else writes meanwhile.

use async_trait::async_trait;
use proto::{Kind, Timestamp};
use rusqlite::{Transaction, params};

use super::column::{at, number, parsed, value};
use super::key_store::SqliteKeyStore;
use super::kind;
use super::waiting::{self, Claim};
use super::withdrawal_tables::tables;
use crate::error::StoreError;
use crate::release::report_release_at;
use crate::withdrawals::{
    FeedTally, Identity, Selection, WithdrawalKind, WithdrawalTally, Withdrawals, remembered_since,
};

#[async_trait]
impl Withdrawals for SqliteKeyStore {
    async fn pick(&self, selection: &Selection) -> Result<Vec<Identity>, StoreError> {
        let selection = selection.clone();
        self.pool.read("withdrawals::pick", move |tx| pick(tx, &selection)).await
    }

    async fn tally(&self, kind: Kind, identities: &[Identity]) -> Result<WithdrawalTally, StoreError> {
        let given = json(identities);
        self.pool.read("withdrawals::tally", move |tx| tally(tx, kind, &given)).await
    }

    async fn withdraw(&self, kind: Kind, identities: &[Identity]) -> Result<WithdrawalTally, StoreError> {
        let (given, clock) = (json(identities), self.clock.clone());
        let withdraw = move |tx: &Transaction<'_>| withdraw(tx, kind, &given, clock.now());
        let tally = self.pool.write("withdrawals::withdraw", withdraw).await?;
        // The log keeps what was deleted, and where it stood.
        if !tally.is_nothing_to_do() {
            self.empty_log().await;
        }
        Ok(tally)
    }

    async fn due_tombstones(&self) -> Result<u64, StoreError> {
        let clock = self.clock.clone();
        self.pool.read("withdrawals::due_tombstones", move |tx| due_tombstones(tx, clock.now())).await
    }

    async fn forget_tombstones(&self, limit: u32) -> Result<u64, StoreError> {
        if self.due_tombstones().await? == 0 {
            return Ok(0);
        }
        let clock = self.clock.clone();
        let forget = move |tx: &Transaction<'_>| forget_tombstones(tx, limit, clock.now());
        let forgotten = self.pool.write("withdrawals::forget_tombstones", forget).await?;
        self.empty_log().await;
        Ok(forgotten)
    }
}

/// Identities as statements take them.
pub(super) fn json(identities: &[Identity]) -> String {
    let mut json = String::with_capacity(identities.len() * 70 + 2);
    json.push('[');
    for (place, identity) in identities.iter().enumerate() {
        json.push_str(if place == 0 { "\"" } else { ",\"" });
        for byte in identity {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            json.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]].map(char::from));
        }
        json.push('"');
    }
    json.push(']');
    json
}

fn pick(tx: &Transaction<'_>, selection: &Selection) -> Result<Vec<Identity>, StoreError> {
    let times = selection.times.as_ref();
    let (from, until) = (times.map(|times| times.start.unix()), times.map(|times| times.end.unix()));
    let without_certificate = selection.kind == WithdrawalKind::TcnSelf;
    let mut statement = tx.prepare_cached(&tables(selection.kind.kind()).pick)?;
    let mut rows = statement.query(params![selection.authority, selection.kid, from, until, without_certificate])?;
    let mut picked = Vec::new();
    while let Some(row) = rows.next()? {
        picked.push(value(row, 0)?);
    }
    Ok(picked)
}

fn tally(tx: &Transaction<'_>, kind: Kind, given: &str) -> Result<WithdrawalTally, StoreError> {
    let (tables, mut tally) = (tables(kind), WithdrawalTally::default());
    let mut statement = tx.prepare_cached(&tables.tally)?;
    let mut rows = statement.query([given])?;
    while let Some(row) = rows.next()? {
        let of_feed = FeedTally { waiting: number(row, 1)?, sealed: number(row, 2)?, revoked: number(row, 3)? };
        tally.feeds.insert(parsed(row, 0).map_err(at("feed"))?, of_feed);
    }
    tally.tombstones = tx.prepare_cached(&tables.tombstones)?.query_row([given], |row| Ok(number(row, 0)))??;
    Ok(tally)
}

fn withdraw(tx: &Transaction<'_>, kind: Kind, given: &str, now: Timestamp) -> Result<WithdrawalTally, StoreError> {
    let (tables, tally) = (tables(kind), tally(tx, kind, given)?);
    tx.prepare_cached(&tables.forsake)?.execute([given])?;
    if tally.is_nothing_to_do() {
        return Ok(tally);
    }
    tx.prepare_cached(&tables.unwait)?.execute([given])?;
    let revoked = tx.prepare_cached(&tables.revoke)?.execute(params![given, report_release_at(now).unix()])?;
    let expected: u64 = tally.feeds.values().map(|feed| feed.sealed).sum();
    if revoked as u64 != expected {
        return Err(StoreError::Corrupt(format!("{revoked} revocations of {expected} sealed publications")));
    }
    rewrite(tx, kind)?;
    Ok(tally)
}

/// Writes all that is fresh or waits anew, as a seal does: where rows came to stand still tells who uploaded together.
pub(super) fn rewrite(tx: &Transaction<'_>, kind: Kind) -> Result<(), StoreError> {
    // No feed has this id: nothing is claimed.
    let nothing = Claim { feed: -1, now: 0, revised: false };
    waiting::rewrite(tx, &kind::tables(kind).fresh, &nothing)?;
    waiting::rewrite(tx, &kind::tables(kind).waiting, &nothing)
}

fn due_tombstones(tx: &Transaction<'_>, now: Timestamp) -> Result<u64, StoreError> {
    let mut due = 0;
    for kind in Kind::ALL {
        let mut statement = tx.prepare_cached(&tables(kind).due)?;
        let since = remembered_since(kind, now).unix();
        due += statement.query_row([since], |row| Ok(number::<u64>(row, 0)))??;
    }
    Ok(due)
}

fn forget_tombstones(tx: &Transaction<'_>, limit: u32, now: Timestamp) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    for kind in Kind::ALL {
        let mut statement = tx.prepare_cached(&tables(kind).forget)?;
        let gone = statement.execute(params![remembered_since(kind, now).unix(), limit])?;
        if gone > 0 {
            rewrite(tx, kind)?;
        }
        forgotten += gone as u64;
    }
    Ok(forgotten)
}
