//! Binding a token to a commitment.

use proto::{ReportType, Timestamp};
use rusqlite::{Transaction, params};

use super::row;
use crate::codes::{Certify, CertifyOutcome, Terms};
use crate::counters::{CounterKind, Day};
use crate::error::StoreError;
use crate::sqlite::counter;

/// Decides in this order: unknown, expired, the same commitment again, too many others. Only a new commitment writes.
pub(super) fn run(transaction: &Transaction<'_>, certify: &Certify) -> Result<CertifyOutcome, StoreError> {
    let Some((expires_at, terms)) = token(transaction, certify)? else { return Ok(CertifyOutcome::Unknown) };
    if expires_at <= certify.now {
        return Ok(CertifyOutcome::Expired);
    }
    let bound = commitments(transaction, certify)?;
    if bound.contains(&certify.commitment_digest) {
        return Ok(CertifyOutcome::Certified(terms));
    }
    if bound.len() >= certify.limit {
        return Ok(CertifyOutcome::Spent);
    }
    bind(transaction, certify, expires_at)?;
    end_repeats(transaction, certify)?;
    // A token counts once, whatever else it is bound to; self-reports are no business of the authority's figures.
    if bound.is_empty() && terms.report_type != ReportType::UserReport {
        counter::add(transaction, &certify.authority, CounterKind::Certified, Day::containing(certify.now))?;
    }
    Ok(CertifyOutcome::Certified(terms))
}

fn token(transaction: &Transaction<'_>, certify: &Certify) -> Result<Option<(Timestamp, Terms)>, StoreError> {
    const SQL: &str = "-- codes::certify, token
        SELECT token_expires_at, report_type, symptom_interval, test_interval
        FROM code WHERE id = ?1 AND authority = ?2 AND token_digest = ?3";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![certify.id.0, certify.authority, certify.token_digest])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((Timestamp::from_unix(row.get(0)?), row::terms(row, 1)?)))
}

fn commitments(transaction: &Transaction<'_>, certify: &Certify) -> Result<Vec<[u8; 32]>, StoreError> {
    const SQL: &str = "-- codes::certify, commitments
        SELECT digest FROM commitment WHERE code = ?1";
    let mut statement = transaction.prepare_cached(SQL)?;
    let digests = statement.query_map([certify.id.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(digests)
}

fn bind(transaction: &Transaction<'_>, certify: &Certify, delete_at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- codes::certify
        INSERT INTO commitment (code, digest, delete_at) VALUES (?1, ?2, ?3)";
    let values = params![certify.id.0, certify.commitment_digest, delete_at.unix()];
    let written = transaction.prepare_cached(SQL)?.execute(values)?;
    row::exactly_one(written, "codes::certify")
}

/// Whoever has a certificate has the token: from now on a claim without a nonce is somebody else's.
fn end_repeats(transaction: &Transaction<'_>, certify: &Certify) -> Result<(), StoreError> {
    const SQL: &str = "-- codes::certify, end repeats
        UPDATE code SET repeat_until = NULL WHERE id = ?1";
    let written = transaction.prepare_cached(SQL)?.execute([certify.id.0])?;
    row::exactly_one(written, "codes::certify")
}
