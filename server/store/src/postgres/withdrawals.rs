//! `Withdrawals` on PostgreSQL.

use async_trait::async_trait;
use proto::{Kind, Timestamp};

use super::column::{at, integer, number, parsed, time, value};
use super::key_store::PostgresKeyStore;
use super::life;
use super::transaction::{Mode, Params, Transaction};
use super::withdrawal_tables::{WithdrawalTables, tables};
use crate::clock::Clock;
use crate::error::StoreError;
use crate::release::report_release_at;
use crate::withdrawals::{
    FeedTally, Identity, Selection, WithdrawalKind, WithdrawalTally, Withdrawals, remembered_since,
};

#[async_trait]
impl Withdrawals for PostgresKeyStore {
    async fn pick(&self, selection: &Selection) -> Result<Vec<Identity>, StoreError> {
        let pick = self
            .pool
            .transact("withdrawals::pick", Mode::Read, selection, |tx, selection| Box::pin(pick(tx, selection)));
        pick.await
    }

    async fn tally(&self, kind: Kind, identities: &[Identity]) -> Result<WithdrawalTally, StoreError> {
        let given = (tables(kind), identities);
        let tally = self.pool.transact("withdrawals::tally", Mode::Read, &given, |tx, (tables, identities)| {
            Box::pin(tally(tx, tables, identities))
        });
        tally.await
    }

    async fn withdraw(&self, kind: Kind, identities: &[Identity]) -> Result<WithdrawalTally, StoreError> {
        let given = (tables(kind), identities, &self.clock);
        // What a seal commits before the lock is seen, in every statement the same; no revision runs beside it.
        let withdraw = self
            .pool
            .transact("withdrawals::withdraw", Mode::Frozen, &given, |tx, given| Box::pin(withdraw(tx, *given)));
        withdraw.await
    }

    async fn due_tombstones(&self) -> Result<u64, StoreError> {
        let due = self.pool.transact("withdrawals::due_tombstones", Mode::Read, &self.clock, |tx, clock| {
            Box::pin(due_tombstones(tx, clock))
        });
        due.await
    }

    async fn forget_tombstones(&self, limit: u32) -> Result<u64, StoreError> {
        let given = (limit, &self.clock);
        let forget = self.pool.transact("withdrawals::forget_tombstones", Mode::Write, &given, |tx, given| {
            Box::pin(forget_tombstones(tx, *given))
        });
        forget.await
    }
}

async fn pick(tx: &Transaction<'_>, selection: &Selection) -> Result<Vec<Identity>, StoreError> {
    // It looks at every key there is.
    tx.command("SET LOCAL enable_seqscan = on").await?;
    let times = selection.times.as_ref();
    let (from, until) = (times.map(|times| times.start.unix()), times.map(|times| times.end.unix()));
    let without_certificate = selection.kind == WithdrawalKind::TcnSelf;
    let given: Params<'_> = &[&selection.authority, &selection.kid, &from, &until, &without_certificate];
    let kind = selection.kind.kind();
    // Whether a certificate was shown is asked of reports alone.
    let given = if kind == Kind::Gaen { &given[..4] } else { given };
    let rows = tx.rows(&tables(kind).pick, given).await?;
    rows.iter().map(|row| value(row, 0)).collect()
}

async fn tally(
    tx: &Transaction<'_>,
    tables: &'static WithdrawalTables,
    identities: &[Identity],
) -> Result<WithdrawalTally, StoreError> {
    let mut tally = WithdrawalTally::default();
    for row in tx.rows(&tables.tally, &[&identities]).await? {
        let of_feed = FeedTally { waiting: number(&row, 1)?, sealed: number(&row, 2)?, revoked: number(&row, 3)? };
        tally.feeds.insert(parsed(&row, 0).map_err(at("feed"))?, of_feed);
    }
    tally.tombstones = number(&tx.row(&tables.tombstones, &[&identities]).await?, 0)?;
    Ok(tally)
}

/// The lock is the seals': what is picked either waits or is sealed, and stays where it is until the end. Revisions of people take it too.
async fn withdraw(
    tx: &Transaction<'_>,
    (tables, identities, clock): (&'static WithdrawalTables, &[Identity], &Clock),
) -> Result<WithdrawalTally, StoreError> {
    tx.command("LOCK TABLE seal_lock IN EXCLUSIVE MODE").await?;
    tx.execute(&tables.forsake, &[&identities]).await?;
    let tally = tally(tx, tables, identities).await?;
    if tally.is_nothing_to_do() {
        return Ok(tally);
    }
    let release_at = report_release_at(now(tx, clock).await?).unix();
    tx.execute(&tables.unwait, &[&identities]).await?;
    tx.execute(&tables.rewrite, &[&identities]).await?;
    let revoked = tx.execute(&tables.revoke, &[&identities, &release_at]).await?;
    let expected: u64 = tally.feeds.values().map(|feed| feed.sealed).sum();
    if revoked == expected {
        Ok(tally)
    } else {
        Err(StoreError::Corrupt(format!("{revoked} revocations of {expected} sealed publications")))
    }
}

async fn due_tombstones(tx: &Transaction<'_>, clock: &Clock) -> Result<u64, StoreError> {
    let now = now(tx, clock).await?;
    let mut due = 0;
    for kind in Kind::ALL {
        let row = tx.row(&tables(kind).due, &[&remembered_since(kind, now).unix()]).await?;
        due += number::<u64>(&row, 0)?;
    }
    Ok(due)
}

/// Under the lock of the seals, so that nothing is looked for in one place while it moves to another.
async fn forget_tombstones(tx: &Transaction<'_>, (limit, clock): (u32, &Clock)) -> Result<u64, StoreError> {
    if due_tombstones(tx, clock).await? == 0 {
        return Ok(0);
    }
    tx.command("LOCK TABLE seal_lock IN EXCLUSIVE MODE").await?;
    let now = now(tx, clock).await?;
    life::agree(now, clock)?;
    let mut forgotten = 0;
    for kind in Kind::ALL {
        let since = remembered_since(kind, now).unix();
        forgotten += tx.execute(&tables(kind).forget, &[&since, &integer(limit.into())]).await?;
    }
    Ok(forgotten)
}

/// The database's time, moved by the clock's offset.
pub(super) async fn now(tx: &Transaction<'_>, clock: &Clock) -> Result<Timestamp, StoreError> {
    const SQL: &str = "-- withdrawals::now
        SELECT floor(extract(epoch FROM clock_timestamp()))::bigint + $1";
    time(&tx.row(SQL, &[&clock.offset()]).await?, 0)
}
