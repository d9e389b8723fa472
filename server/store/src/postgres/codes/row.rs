//! How codes stand in rows.

use proto::{Interval, Timestamp};
use tokio_postgres::Row;

use crate::codes::{CodeForm, Peppered, Terms};
use crate::error::StoreError;
use crate::postgres::column;

/// How often an operation looks again when others changed the row between its look and its change. Each time somebody else got on, and
/// nobody gets on with one code more often than a token has room for commitments.
pub(super) const LOOKS: u32 = 8;

/// Reads the three columns `report_type, symptom_interval, test_interval` from `first` on.
pub(super) fn terms(row: &Row, first: usize) -> Result<Terms, StoreError> {
    let interval = |index| Ok::<_, StoreError>(column::maybe_number(row, index)?.map(Interval::new));
    Ok(Terms { report_type: column::parsed(row, first)?, symptom: interval(first + 1)?, test: interval(first + 2)? })
}

/// Reads `form`.
pub(super) fn form(row: &Row, index: usize) -> Result<CodeForm, StoreError> {
    let text: &str = column::value(row, index)?;
    let form = [CodeForm::Short, CodeForm::Long].into_iter().find(|form| form.as_str() == text);
    form.ok_or_else(|| column::corrupt(row, index, "is no form"))
}

/// Reads UTC seconds, or NULL.
pub(super) fn maybe_time(row: &Row, index: usize) -> Result<Option<Timestamp>, StoreError> {
    Ok(column::maybe_number(row, index)?.map(Timestamp::from_unix))
}

/// The digest under the current secret.
pub(super) fn current(digests: &[Peppered]) -> Result<&Peppered, StoreError> {
    digests.first().ok_or_else(|| StoreError::Corrupt("a new code without a digest".to_owned()))
}

/// Says that others changed the row whenever it was looked at.
pub(super) fn busy(what: &'static str) -> StoreError {
    StoreError::Unavailable(format!("{what}: others were in the way {LOOKS} times"))
}
