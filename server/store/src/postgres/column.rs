//! Reading columns: what does not fit its type is a corrupt row, named by its column and never by its content.

use proto::{ReportType, Timestamp};
use std::error::Error;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type, accepts};

use crate::error::StoreError;
pub(super) use crate::stored::{at, integer, malformed};

/// A column of any type that the driver knows.
pub(super) fn value<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index).map_err(|_| corrupt(row, index, "has another type"))
}

/// An integer column, smallint to bigint, as any type of integers.
pub(super) fn number<T: TryFrom<i64>>(row: &Row, index: usize) -> Result<T, StoreError> {
    narrow(row, index, value::<Integer>(row, index)?)
}

/// An integer column that may be NULL.
pub(super) fn maybe_number<T: TryFrom<i64>>(row: &Row, index: usize) -> Result<Option<T>, StoreError> {
    value::<Option<Integer>>(row, index)?.map(|integer| narrow(row, index, integer)).transpose()
}

fn narrow<T: TryFrom<i64>>(row: &Row, index: usize, integer: Integer) -> Result<T, StoreError> {
    T::try_from(integer.0).map_err(|_| corrupt(row, index, "is out of range"))
}

/// A column of UTC seconds.
pub(super) fn time(row: &Row, index: usize) -> Result<Timestamp, StoreError> {
    number(row, index).map(Timestamp::from_unix)
}

/// A column that holds the value of a report type in `export.bin`.
pub(super) fn report_type(row: &Row, index: usize) -> Result<ReportType, StoreError> {
    let stored = number(row, index)?;
    ReportType::from_export_value(stored).ok_or_else(|| corrupt(row, index, "is no report type"))
}

/// A text column that parses.
pub(super) fn parsed<T: std::str::FromStr>(row: &Row, index: usize) -> Result<T, StoreError> {
    value::<&str>(row, index)?.parse().map_err(|_| corrupt(row, index, "is malformed"))
}

/// A column of exactly `N` bytes.
pub(super) fn array<const N: usize>(row: &Row, index: usize) -> Result<[u8; N], StoreError> {
    value::<&[u8]>(row, index)?.try_into().map_err(|_| corrupt(row, index, "has another length"))
}

/// A column of exactly `N` bytes that may be NULL.
pub(super) fn maybe_array<const N: usize>(row: &Row, index: usize) -> Result<Option<[u8; N]>, StoreError> {
    let bytes = value::<Option<&[u8]>>(row, index)?;
    bytes.map(|bytes| bytes.try_into().map_err(|_| corrupt(row, index, "has another length"))).transpose()
}

/// Says what is wrong with a column.
pub(super) fn corrupt(row: &Row, index: usize, what: &str) -> StoreError {
    let name = row.columns().get(index).map_or("a column", tokio_postgres::Column::name);
    StoreError::Corrupt(format!("{name} {what}"))
}

/// An integer of any width.
struct Integer(i64);

impl<'a> FromSql<'a> for Integer {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *kind {
            Type::INT2 => i16::from_sql(kind, raw)?.into(),
            Type::INT4 => i32::from_sql(kind, raw)?.into(),
            _ => i64::from_sql(kind, raw)?,
        }))
    }

    accepts!(INT2, INT4, INT8);
}
