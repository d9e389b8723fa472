//! `Guesses` on PostgreSQL.

use async_trait::async_trait;
use proto::Timestamp;
use tokio_postgres::Row;

use super::codes::{PostgresCodeStore, found};
use super::column;
use super::transaction::{Mode, Params, Transaction};
use crate::code_style::Spelling;
use crate::error::StoreError;
use crate::guesses::{Guess, GuessOutcome, GuessScope, Guesser, Guesses, KEPT, REMEMBERED, hour};

#[async_trait]
impl Guesses for PostgresCodeStore {
    async fn guess(&self, guess: &Guess, now: Timestamp) -> Result<GuessOutcome, StoreError> {
        let given = (guess, now);
        self.pool
            .transact("guesses::guess", Mode::Write, &given, |transaction, (guess, now)| {
                Box::pin(run(transaction, guess, *now))
            })
            .await
    }

    async fn failures(
        &self,
        spelling: Spelling,
        scopes: &[GuessScope],
        now: Timestamp,
    ) -> Result<Vec<u64>, StoreError> {
        const SQL: &str = "-- guesses::failures
            SELECT (SELECT coalesce(sum(failures), 0)::bigint FROM guess_tally
                    WHERE hour = $1 AND form = $2 AND scope = wanted.scope)
            FROM unnest($3::text[]) WITH ORDINALITY AS wanted (scope, place) ORDER BY wanted.place";
        let scopes: Vec<String> = scopes.iter().map(GuessScope::to_text).collect();
        let rows = self.pool.query("guesses::failures", SQL, &[&hour(now), &spelling.as_str(), &scopes]).await?;
        rows.iter().map(|row| column::number(row, 0)).collect()
    }

    async fn forget_guesses(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let given = (hour(now), i64::from(limit));
        self.pool
            .transact("guesses::forget", Mode::Write, &given, |transaction, given| Box::pin(forget(transaction, given)))
            .await
    }
}

/// Counts, asks whether there is room, and looks, in this order and one statement; only a failure stays.
///
/// The row of a prefix is locked until the transaction ends, so guesses of one network come one after the other and each sees what the last
/// one left. `ON CONFLICT` changes the row as it is now, not as it was when the statement began, and says by `repeated` what it found there. A
/// clock that is behind another program's counts in the later hour: going back and forth between two programs renews nothing.
///
/// A failure does not wait for the disk. A crash of the server could forget those of its last second, which is all that an attacker gains by
/// one; whoever guesses in the meantime still finds them in memory.
const GUESS: &str = "-- guesses::guess
    WITH prefix AS (
        INSERT INTO guess_prefix AS mine (digest, form, hour, failures, repeated)
        SELECT $1, $2, $3, 1, false WHERE $1::bytea IS NOT NULL
        ON CONFLICT (digest, form) DO UPDATE SET
            failures = CASE WHEN mine.hour >= excluded.hour THEN mine.failures + 1 ELSE 1 END,
            repeated = mine.hour > excluded.hour - $4::bigint,
            hour = greatest(mine.hour, excluded.hour)
        WHERE mine.hour < excluded.hour OR mine.failures < $5
        RETURNING repeated
    ), spent AS (
        SELECT 1 FROM unnest($6::text[], $7::bigint[]) AS gate (scope, most)
        WHERE gate.most <= (SELECT coalesce(sum(failures), 0) FROM guess_tally
                            WHERE hour = $3 AND form = $2 AND scope = gate.scope)
    ), let_in AS (
        SELECT 1 FROM prefix WHERE NOT (repeated AND EXISTS (SELECT 1 FROM spent))
        UNION ALL
        SELECT 1 WHERE $1::bytea IS NULL AND NOT EXISTS (SELECT 1 FROM spent)
    ), counted AS (
        INSERT INTO guess_tally AS mine (hour, form, scope, stripe, failures)
        SELECT $3, $2, wanted.scope, $8, 1 FROM let_in, unnest($9::text[]) AS wanted (scope)
        ON CONFLICT (hour, form, scope, stripe) DO UPDATE SET failures = mine.failures + 1
        RETURNING 1
    ), found AS (
        SELECT code.id, wanted.place
        FROM unnest($10::bytea[], $11::text[]) WITH ORDINALITY AS wanted (digest, pepper, place)
        JOIN code_digest ON code_digest.digest = wanted.digest AND code_digest.form = 'short'
        JOIN code ON code.id = code_digest.code AND code.pepper = wanted.pepper
        WHERE code.authority = $12 AND (SELECT count(*) FROM counted) > 0
        ORDER BY wanted.place LIMIT 1
    )
    SELECT found.id, found.place, EXISTS (SELECT 1 FROM prefix), EXISTS (SELECT 1 FROM let_in),
           set_config('synchronous_commit', 'off', true)
    FROM (SELECT) AS one LEFT JOIN found ON true";

async fn run(transaction: &Transaction<'_>, guess: &Guess, now: Timestamp) -> Result<GuessOutcome, StoreError> {
    let outcome = outcome(&attempt(transaction, guess, hour(now)).await?, guess, now)?;
    if !matches!(outcome, GuessOutcome::Wrong) {
        transaction.undo();
    }
    Ok(outcome)
}

async fn attempt(transaction: &Transaction<'_>, guess: &Guess, this: i64) -> Result<Row, StoreError> {
    let prefix = match &guess.guesser {
        Guesser::Prefix(digest) => Some(digest.as_slice()),
        Guesser::Relay(_) => None,
    };
    let (gates, most): (Vec<String>, Vec<i64>) =
        guess.gates().iter().map(|(scope, limit)| (scope.to_text(), i64::from(*limit))).unzip();
    let scopes: Vec<String> = guess.scopes().iter().map(GuessScope::to_text).collect();
    let digests: Vec<&[u8]> = guess.digests.iter().map(|one| one.digest.as_slice()).collect();
    let peppers: Vec<&str> = guess.digests.iter().map(|one| one.pepper.as_str()).collect();
    let values: Params<'_> = &[
        &prefix,
        &guess.spelling.as_str(),
        &this,
        &REMEMBERED,
        &i64::from(guess.limits.prefix),
        &gates,
        &most,
        &i16::from(guess.stripe),
        &scopes,
        &digests,
        &peppers,
        &guess.authority,
    ];
    transaction.row(GUESS, values).await
}

fn outcome(row: &Row, guess: &Guess, now: Timestamp) -> Result<GuessOutcome, StoreError> {
    if let Some(found) = found(row, &guess.digests)? {
        return Ok(GuessOutcome::Found(found));
    }
    let (counted, let_in): (bool, bool) = (column::value(row, 2)?, column::value(row, 3)?);
    Ok(match &guess.guesser {
        _ if let_in => GuessOutcome::Wrong,
        Guesser::Prefix(_) if counted => GuessOutcome::suspended(now),
        Guesser::Prefix(_) | Guesser::Relay(_) => GuessOutcome::spent(now),
    })
}

async fn forget(transaction: &Transaction<'_>, (this, limit): &(i64, i64)) -> Result<u64, StoreError> {
    const PREFIXES: &str = "-- guesses::forget, prefixes
        DELETE FROM guess_prefix WHERE (digest, form) IN
        (SELECT digest, form FROM guess_prefix WHERE hour <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";
    const TALLIES: &str = "-- guesses::forget, tallies
        DELETE FROM guess_tally WHERE (hour, form, scope, stripe) IN
        (SELECT hour, form, scope, stripe FROM guess_tally WHERE hour < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";
    let prefixes = transaction.execute(PREFIXES, &[&(this - REMEMBERED), limit]).await?;
    Ok(prefixes + transaction.execute(TALLIES, &[&(this - KEPT), limit]).await?)
}
