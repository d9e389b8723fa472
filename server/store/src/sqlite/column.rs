//! Reading columns: what does not fit its type is a corrupt row, named by its column and never by its content.

use proto::{ReportType, Timestamp};
use rusqlite::Row;
use rusqlite::types::FromSql;

use crate::error::StoreError;
pub(super) use crate::stored::{at, integer, malformed};

/// A column of any type that SQLite knows.
pub(super) fn value<T: FromSql>(row: &Row<'_>, index: usize) -> Result<T, StoreError> {
    row.get(index).map_err(|_| corrupt(row, index, "has another type"))
}

/// An integer column of a narrower type.
pub(super) fn number<T: TryFrom<i64>>(row: &Row<'_>, index: usize) -> Result<T, StoreError> {
    T::try_from(value::<i64>(row, index)?).map_err(|_| corrupt(row, index, "is out of range"))
}

/// A column of UTC seconds.
pub(super) fn time(row: &Row<'_>, index: usize) -> Result<Timestamp, StoreError> {
    value(row, index).map(Timestamp::from_unix)
}

/// A column that holds the value of a report type in `export.bin`.
pub(super) fn report_type(row: &Row<'_>, index: usize) -> Result<ReportType, StoreError> {
    let stored = value(row, index)?;
    ReportType::from_export_value(stored).ok_or_else(|| corrupt(row, index, "is no report type"))
}

/// A text column that parses.
pub(super) fn parsed<T: std::str::FromStr>(row: &Row<'_>, index: usize) -> Result<T, StoreError> {
    value::<String>(row, index)?.parse().map_err(|_| corrupt(row, index, "is malformed"))
}

/// Says what is wrong with a column.
pub(super) fn corrupt(row: &Row<'_>, index: usize, what: &str) -> StoreError {
    StoreError::Corrupt(format!("{} {what}", row.as_ref().column_name(index).unwrap_or("a column")))
}
