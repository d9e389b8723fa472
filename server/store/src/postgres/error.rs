//! What PostgreSQL says, as what the caller can do about it.

use tokio_postgres::error::{DbError, SqlState};

use crate::error::StoreError;

/// Whether the same transaction may succeed if it is tried again: others were in its way. One of them may have committed a row after this one
/// had looked whether there is one; the next time it sees that row.
pub(super) fn is_conflict(error: &tokio_postgres::Error) -> bool {
    const CONFLICTS: [SqlState; 3] =
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::UNIQUE_VIOLATION];
    error.code().is_some_and(|code| CONFLICTS.contains(code))
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) => refused(refusal),
            // Another server than the right one stays another server, however often it is asked.
            None if is_about_certificates(&error) => Self::NotReady(with_causes(&error)),
            None => Self::Unavailable(with_causes(&error)),
        }
    }
}

/// Whether the server could not show that it is the right one.
fn is_about_certificates(error: &tokio_postgres::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let cause = cause.and_then(std::io::Error::get_ref).and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented))
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => error.into(),
            other => Self::Unavailable(with_causes(&other)),
        }
    }
}

fn refused(refusal: &DbError) -> StoreError {
    let code = refusal.code().code();
    match code.get(..2).unwrap_or_default() {
        // Broken constraints, values out of range, damaged pages. Messages and details may repeat values; names of tables never do.
        "22" | "23" | "XX" => StoreError::Corrupt(format!("{code} in {}", place(refusal))),
        // No such database, schema, table or column; no right to it; no such user.
        "28" | "3D" | "3F" | "42" => StoreError::NotReady(refusal.message().to_owned()),
        _ => StoreError::Unavailable(format!("{code}: {}", refusal.message())),
    }
}

/// Table, column and constraint, as far as they are known.
fn place(refusal: &DbError) -> String {
    let names = [refusal.table(), refusal.column(), refusal.constraint()];
    let names: Vec<_> = names.into_iter().flatten().collect();
    if names.is_empty() { "a statement".to_owned() } else { names.join(", ") }
}

/// The driver's own errors hide what happened in their sources. None of them knows what was written.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
