//! `Guesses` on SQLite.

use async_trait::async_trait;
use proto::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::codes::{SqliteCodeStore, look_up};
use super::column;
use crate::code_style::Spelling;
use crate::codes::CodeForm;
use crate::error::StoreError;
use crate::guesses::{Guess, GuessOutcome, GuessScope, Guesser, Guesses, KEPT, REMEMBERED, hour};

#[async_trait]
impl Guesses for SqliteCodeStore {
    async fn guess(&self, guess: &Guess, now: Timestamp) -> Result<GuessOutcome, StoreError> {
        let guess = guess.clone();
        self.pool.write("guesses::guess", move |transaction| run(transaction, &guess, now)).await
    }

    async fn failures(
        &self,
        spelling: Spelling,
        scopes: &[GuessScope],
        now: Timestamp,
    ) -> Result<Vec<u64>, StoreError> {
        let scopes = scopes.to_vec();
        let sums = move |transaction: &Transaction<'_>| {
            scopes.iter().map(|scope| sum(transaction, spelling, scope, hour(now))).collect()
        };
        self.pool.read("guesses::failures", sums).await
    }

    async fn forget_guesses(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.pool.write("guesses::forget", move |transaction| forget(transaction, hour(now), limit)).await
    }
}

/// The transaction began IMMEDIATE and nobody hears of it before it is committed, so counting after the look is counting before it, and a code
/// that is found leaves nothing to undo.
fn run(transaction: &Transaction<'_>, guess: &Guess, now: Timestamp) -> Result<GuessOutcome, StoreError> {
    let this = hour(now);
    let remembered = match &guess.guesser {
        Guesser::Prefix(digest) => prefix(transaction, guess.spelling, digest, this)?,
        Guesser::Relay(_) => None,
    };
    if remembered.is_some_and(|failures| failures >= u64::from(guess.limits.prefix)) {
        return Ok(GuessOutcome::spent(now));
    }
    let mut gates_are_open = true;
    for (scope, limit) in guess.gates() {
        gates_are_open &= sum(transaction, guess.spelling, &scope, this)? < u64::from(limit);
    }
    match &guess.guesser {
        Guesser::Relay(_) if !gates_are_open => return Ok(GuessOutcome::spent(now)),
        Guesser::Prefix(_) if !gates_are_open && remembered.is_some() => return Ok(GuessOutcome::suspended(now)),
        _ => {}
    }
    if let Some(found) = look_up(transaction, &guess.authority, CodeForm::Short, &guess.digests)? {
        return Ok(GuessOutcome::Found(found));
    }
    count(transaction, guess, this)?;
    Ok(GuessOutcome::Wrong)
}

/// How often a network that failed within a day has failed in this hour; none if it did not fail.
fn prefix(
    transaction: &Transaction<'_>,
    spelling: Spelling,
    digest: &[u8; 32],
    this: i64,
) -> Result<Option<u64>, StoreError> {
    const SQL: &str = "-- guesses::guess, prefix
        SELECT CASE WHEN hour >= ?3 THEN failures ELSE 0 END FROM guess_prefix
        WHERE digest = ?1 AND form = ?2 AND hour > ?3 - ?4";
    let mut statement = transaction.prepare_cached(SQL)?;
    let wanted = params![digest, spelling.as_str(), this, REMEMBERED];
    statement.query_row(wanted, |row| Ok(column::number(row, 0))).optional()?.transpose()
}

fn sum(transaction: &Transaction<'_>, spelling: Spelling, scope: &GuessScope, this: i64) -> Result<u64, StoreError> {
    const SQL: &str = "-- guesses::failures
        SELECT coalesce(sum(failures), 0) FROM guess_tally WHERE hour = ?1 AND form = ?2 AND scope = ?3";
    let mut statement = transaction.prepare_cached(SQL)?;
    statement.query_row(params![this, spelling.as_str(), scope.to_text()], |row| Ok(column::number(row, 0)))?
}

/// A clock that is behind another program's counts in the later hour: going back and forth between two programs renews nothing.
fn count(transaction: &Transaction<'_>, guess: &Guess, this: i64) -> Result<(), StoreError> {
    const PREFIX: &str = "-- guesses::guess, count prefix
        INSERT INTO guess_prefix (digest, form, hour, failures) VALUES (?1, ?2, ?3, 1)
        ON CONFLICT (digest, form) DO UPDATE SET
            failures = CASE WHEN hour >= excluded.hour THEN failures + 1 ELSE 1 END, hour = max(hour, excluded.hour)";
    const TALLY: &str = "-- guesses::guess, count tally
        INSERT INTO guess_tally (hour, form, scope, stripe, failures) VALUES (?1, ?2, ?3, ?4, 1)
        ON CONFLICT (hour, form, scope, stripe) DO UPDATE SET failures = failures + 1";
    let form = guess.spelling.as_str();
    if let Guesser::Prefix(digest) = &guess.guesser {
        transaction.prepare_cached(PREFIX)?.execute(params![digest, form, this])?;
    }
    for scope in guess.scopes() {
        transaction.prepare_cached(TALLY)?.execute(params![this, form, scope.to_text(), guess.stripe])?;
    }
    Ok(())
}

fn forget(transaction: &Transaction<'_>, this: i64, limit: u32) -> Result<u64, StoreError> {
    const PREFIXES: &str = "-- guesses::forget, prefixes
        DELETE FROM guess_prefix WHERE (digest, form) IN (SELECT digest, form FROM guess_prefix WHERE hour <= ?1 LIMIT ?2)";
    const TALLIES: &str = "-- guesses::forget, tallies
        DELETE FROM guess_tally WHERE (hour, form, scope, stripe) IN
        (SELECT hour, form, scope, stripe FROM guess_tally WHERE hour < ?1 LIMIT ?2)";
    let prefixes = transaction.prepare_cached(PREFIXES)?.execute(params![this - REMEMBERED, limit])?;
    let tallies = transaction.prepare_cached(TALLIES)?.execute(params![this - KEPT, limit])?;
    Ok((prefixes + tallies) as u64)
}
