//! `Admissions` on SQLite.

use async_trait::async_trait;
use proto::Timestamp;
use rusqlite::{Transaction, params};

use super::column::value;
use super::key_store::SqliteKeyStore;
use crate::admissions::{Admissions, SolvedChallenge, SpendOutcome};
use crate::error::StoreError;
use crate::keys::RELEASE_GRAIN;

/// The grain of the tally, in seconds.
const HOUR: i64 = 3_600;

#[async_trait]
impl Admissions for SqliteKeyStore {
    async fn spend_challenge(&self, solved: &SolvedChallenge, now: Timestamp) -> Result<SpendOutcome, StoreError> {
        let solved = *solved;
        self.pool.write("admissions::spend_challenge", move |tx| spend(tx, &solved, now)).await
    }

    async fn tally_self_report(&self, authority: &str, per_hour: u32, now: Timestamp) -> Result<bool, StoreError> {
        let authority = authority.to_owned();
        self.pool.write("admissions::tally_self_report", move |tx| tally(tx, &authority, per_hour, now)).await
    }
}

fn spend(tx: &Transaction<'_>, solved: &SolvedChallenge, now: Timestamp) -> Result<SpendOutcome, StoreError> {
    const FORGET: &str = "-- admissions::spend_challenge (forget)
        DELETE FROM spent_challenge WHERE forget_at <= ?1";
    const INSERT: &str = "-- admissions::spend_challenge
        INSERT INTO spent_challenge (id, spent_on, forget_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    const STANDING: &str = "-- admissions::spend_challenge (standing)
        SELECT spent_on FROM spent_challenge WHERE id = ?1";
    tx.prepare_cached(FORGET)?.execute([now.unix()])?;
    let forget_at = solved.forget_at.ceil(RELEASE_GRAIN).unix();
    tx.prepare_cached(INSERT)?.execute(params![solved.id, solved.spent_on, forget_at])?;
    let mut standing = tx.prepare_cached(STANDING)?;
    let spent_on: [u8; 32] = standing.query_row([solved.id], |row| Ok(value(row, 0)))??;
    Ok(if spent_on == solved.spent_on { SpendOutcome::Spent } else { SpendOutcome::SpentElsewhere })
}

fn tally(tx: &Transaction<'_>, authority: &str, per_hour: u32, now: Timestamp) -> Result<bool, StoreError> {
    // The hour before is left to programs whose clocks are behind.
    const FORGET: &str = "-- admissions::tally_self_report (forget)
        DELETE FROM self_report_tally WHERE authority = ?1 AND hour < ?2 - 3600";
    const COUNT: &str = "-- admissions::tally_self_report
        INSERT INTO self_report_tally (authority, hour, count) VALUES (?1, ?2, 1)
        ON CONFLICT (authority, hour) DO UPDATE SET count = count + 1 WHERE count < ?3";
    if per_hour == 0 {
        return Ok(false);
    }
    let hour = now.floor(HOUR).unix();
    tx.prepare_cached(FORGET)?.execute(params![authority, hour])?;
    Ok(tx.prepare_cached(COUNT)?.execute(params![authority, hour, per_hour])? == 1)
}
