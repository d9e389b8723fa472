//! `Admissions` on SQLite.

use async_trait::async_trait;
use proto::Timestamp;
use rusqlite::{Transaction, params};

use super::column::value;
use super::key_store::SqliteKeyStore;
use crate::admissions::{Admissions, SolvedChallenge, SpendOutcome};
use crate::error::StoreError;
use crate::release::RELEASE_GRAIN;

/// The grain of the tally, in seconds.
const HOUR: i64 = 3_600;

#[async_trait]
impl Admissions for SqliteKeyStore {
    async fn spend_challenge(&self, solved: &SolvedChallenge) -> Result<SpendOutcome, StoreError> {
        let solved = *solved;
        self.pool.write("admissions::spend_challenge", move |tx| spend(tx, &solved)).await
    }

    async fn tally_self_report(&self, authority: &str, per_hour: u32, now: Timestamp) -> Result<bool, StoreError> {
        let authority = authority.to_owned();
        self.pool.write("admissions::tally_self_report", move |tx| tally(tx, &authority, per_hour, now)).await
    }

    async fn forget_admissions(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.pool.write("admissions::forget", move |tx| forget(tx, now, limit)).await
    }
}

fn spend(tx: &Transaction<'_>, solved: &SolvedChallenge) -> Result<SpendOutcome, StoreError> {
    const INSERT: &str = "-- admissions::spend_challenge
        INSERT INTO spent_challenge (id, spent_on, forget_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    const STANDING: &str = "-- admissions::spend_challenge (standing)
        SELECT spent_on FROM spent_challenge WHERE id = ?1";
    let forget_at = solved.forget_at.ceil(RELEASE_GRAIN).unix();
    tx.prepare_cached(INSERT)?.execute(params![solved.id, solved.spent_on, forget_at])?;
    let mut standing = tx.prepare_cached(STANDING)?;
    let spent_on: [u8; 32] = standing.query_row([solved.id], |row| Ok(value(row, 0)))??;
    Ok(if spent_on == solved.spent_on { SpendOutcome::Spent } else { SpendOutcome::SpentElsewhere })
}

fn tally(tx: &Transaction<'_>, authority: &str, per_hour: u32, now: Timestamp) -> Result<bool, StoreError> {
    const COUNT: &str = "-- admissions::tally_self_report
        INSERT INTO self_report_tally (authority, hour, count) VALUES (?1, ?2, 1)
        ON CONFLICT (authority, hour) DO UPDATE SET count = count + 1 WHERE count < ?3";
    if per_hour == 0 {
        return Ok(false);
    }
    let hour = now.floor(HOUR).unix();
    Ok(tx.prepare_cached(COUNT)?.execute(params![authority, hour, per_hour])? == 1)
}

fn forget(tx: &Transaction<'_>, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const CHALLENGES: &str = "-- admissions::forget, challenges
        DELETE FROM spent_challenge WHERE id IN (SELECT id FROM spent_challenge WHERE forget_at <= ?1 LIMIT ?2)";
    const TALLIES: &str = "-- admissions::forget, tallies
        DELETE FROM self_report_tally WHERE (authority, hour) IN
        (SELECT authority, hour FROM self_report_tally WHERE hour < ?1 LIMIT ?2)";
    let before = now.floor(HOUR).plus(-HOUR).unix();
    let challenges = tx.prepare_cached(CHALLENGES)?.execute(params![now.unix(), limit])?;
    let tallies = tx.prepare_cached(TALLIES)?.execute(params![before, limit])?;
    Ok((challenges + tallies) as u64)
}
