//! How codes stand in rows.

use proto::{Interval, ReportType};
use rusqlite::Row;

use crate::codes::{CodeForm, Terms};
use crate::error::StoreError;

/// Reads the three columns `report_type, symptom_interval, test_interval` from `first` on.
pub(super) fn terms(row: &Row<'_>, first: usize) -> Result<Terms, StoreError> {
    let report_type: String = row.get(first)?;
    let report_type: ReportType =
        report_type.parse().map_err(|_| StoreError::Corrupt("code.report_type is none".to_owned()))?;
    let symptom: Option<u32> = row.get(first + 1)?;
    let test: Option<u32> = row.get(first + 2)?;
    Ok(Terms { report_type, symptom: symptom.map(Interval::new), test: test.map(Interval::new) })
}

/// Reads `form`.
pub(super) fn form(text: &str) -> Result<CodeForm, StoreError> {
    [CodeForm::Short, CodeForm::Long]
        .into_iter()
        .find(|form| form.as_str() == text)
        .ok_or_else(|| StoreError::Corrupt("code_digest.form is none".to_owned()))
}

/// Says so unless exactly one row was written.
pub(super) fn exactly_one(written: usize, what: &'static str) -> Result<(), StoreError> {
    match written {
        1 => Ok(()),
        rows => Err(StoreError::Corrupt(format!("{what} wrote {rows} rows"))),
    }
}
