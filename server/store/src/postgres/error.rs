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
            None => match about_protection(&error) {
                Some(advice) => Self::NotReady(format!("{}{advice}", with_causes(&error))),
                None => Self::Unavailable(with_causes(&error)),
            },
        }
    }
}

/// If the server could not show that it is the right one: what to do about it, behind what happened.
fn about_protection(error: &tokio_postgres::Error) -> Option<&'static str> {
    let cause = std::error::Error::source(error)?;
    // The driver has no type for this.
    if cause.to_string() == "server does not support TLS" {
        return Some("; let it, or add sslmode=disable to the URL if nobody else is on the network between");
    }
    let cause = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match cause.and_then(|cause| cause.downcast_ref::<rustls::Error>())? {
        // Neither has the verifier for this one.
        rustls::Error::InvalidCertificate(why) if format!("{why:?}").contains("CaUsedAsEndEntity") => Some(
            "; the server shows an authority's own certificate: let that authority sign one for the server, with \
             basicConstraints=CA:FALSE",
        ),
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => Some(""),
        _ => None,
    }
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
        "28" | "3D" | "3F" | "42" => StoreError::NotReady(with_advice(refusal)),
        _ => StoreError::Unavailable(format!("{code}: {}", refusal.message())),
    }
}

/// What PostgreSQL said, and what to do about it if the user has not the right to do this.
pub(super) fn with_advice(refusal: &DbError) -> String {
    let said = refusal.message();
    if *refusal.code() == SqlState::INSUFFICIENT_PRIVILEGE {
        format!("{said}; to migrate or to administrate, log in as the owner of the database")
    } else {
        said.to_owned()
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
