//! What staff may know of a code that they issued.

use proto::Timestamp;

use super::row;
use crate::codes::{CodeForm, CodeStatus};
use crate::error::StoreError;
use crate::postgres::column;
use crate::postgres::pool::Pool;

/// What has become of a code.
pub(super) async fn run(pool: &Pool, authority: &str, uuid: [u8; 16]) -> Result<Option<CodeStatus>, StoreError> {
    const SQL: &str = "-- codes::status
        SELECT code.token_digest IS NOT NULL, code_digest.form, code_digest.expires_at
        FROM code JOIN code_digest ON code_digest.code = code.id WHERE code.authority = $1 AND code.uuid = $2";
    let rows = pool.query("codes::status", SQL, &[&authority, &uuid.as_slice()]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let (mut short, mut long): (Option<Timestamp>, Option<Timestamp>) = (None, None);
    for row in &rows {
        match row::form(row, 1)? {
            CodeForm::Short => short = Some(column::time(row, 2)?),
            CodeForm::Long => long = Some(column::time(row, 2)?),
        }
    }
    let short = short.or(long).ok_or_else(|| StoreError::Corrupt("a code without a form".to_owned()))?;
    let claimed = column::value(first, 0)?;
    Ok(Some(CodeStatus { claimed, expires_at: short, long_expires_at: long.unwrap_or(short) }))
}
