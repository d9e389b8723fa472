//! `Admissions` on PostgreSQL.

use async_trait::async_trait;
use proto::Timestamp;

use super::column::array;
use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Transaction};
use crate::admissions::{Admissions, SolvedChallenge, SpendOutcome};
use crate::error::StoreError;
use crate::release::RELEASE_GRAIN;

/// The grain of the tally, in seconds.
const HOUR: i64 = 3_600;

#[async_trait]
impl Admissions for PostgresKeyStore {
    async fn spend_challenge(&self, solved: &SolvedChallenge) -> Result<SpendOutcome, StoreError> {
        self.pool
            .transact("admissions::spend_challenge", Mode::Write, solved, |tx, solved| Box::pin(spend(tx, solved)))
            .await
    }

    async fn tally_self_report(&self, authority: &str, per_hour: u32, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "-- admissions::tally_self_report
            INSERT INTO self_report_tally AS tally (authority, hour, count) VALUES ($1, $2, 1)
            ON CONFLICT (authority, hour) DO UPDATE SET count = tally.count + 1 WHERE tally.count < $3
            RETURNING count";
        if per_hour == 0 {
            return Ok(false);
        }
        let limit = i32::try_from(per_hour).unwrap_or(i32::MAX);
        let hour = now.floor(HOUR).unix();
        let counted = self.pool.query("admissions::tally_self_report", SQL, &[&authority, &hour, &limit]).await?;
        Ok(!counted.is_empty())
    }

    async fn forget_admissions(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let given = (now, i64::from(limit));
        self.pool.transact("admissions::forget", Mode::Write, &given, |tx, given| Box::pin(forget(tx, given))).await
    }
}

async fn spend(tx: &Transaction<'_>, solved: &SolvedChallenge) -> Result<SpendOutcome, StoreError> {
    // Waits for whoever is spending the same one; the next statement sees what they committed.
    const INSERT: &str = "-- admissions::spend_challenge
        INSERT INTO spent_challenge (id, spent_on, forget_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    const STANDING: &str = "-- admissions::spend_challenge (standing)
        SELECT spent_on FROM spent_challenge WHERE id = $1";
    let forget_at = solved.forget_at.ceil(RELEASE_GRAIN).unix();
    tx.execute(INSERT, &[&solved.id.as_slice(), &solved.spent_on.as_slice(), &forget_at]).await?;
    let spent_on: [u8; 32] = array(&tx.row(STANDING, &[&solved.id.as_slice()]).await?, 0)?;
    Ok(if spent_on == solved.spent_on { SpendOutcome::Spent } else { SpendOutcome::SpentElsewhere })
}

async fn forget(tx: &Transaction<'_>, (now, limit): &(Timestamp, i64)) -> Result<u64, StoreError> {
    const CHALLENGES: &str = "-- admissions::forget, challenges
        DELETE FROM spent_challenge WHERE id IN (SELECT id FROM spent_challenge WHERE forget_at <= $1 LIMIT $2)";
    const TALLIES: &str = "-- admissions::forget, tallies
        DELETE FROM self_report_tally WHERE (authority, hour) IN
        (SELECT authority, hour FROM self_report_tally WHERE hour < $1 LIMIT $2)";
    let before = now.floor(HOUR).plus(-HOUR).unix();
    let challenges = tx.execute(CHALLENGES, &[&now.unix(), limit]).await?;
    Ok(challenges + tx.execute(TALLIES, &[&before, limit]).await?)
}
