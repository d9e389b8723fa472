//! What staff may know of a code that they issued.

use proto::Timestamp;
use rusqlite::{Transaction, params};

use super::row;
use crate::codes::{CodeForm, CodeId, CodeStatus};
use crate::error::StoreError;

/// What has become of a code.
pub(super) fn run(
    transaction: &Transaction<'_>,
    authority: &str,
    uuid: [u8; 16],
) -> Result<Option<CodeStatus>, StoreError> {
    Ok(find(transaction, authority, uuid)?.map(|(_, status)| status))
}

/// The code that an authority issued under a uuid.
pub(super) fn find(
    transaction: &Transaction<'_>,
    authority: &str,
    uuid: [u8; 16],
) -> Result<Option<(CodeId, CodeStatus)>, StoreError> {
    const SQL: &str = "-- codes::status
        SELECT code.id, code.token_digest IS NOT NULL, code_digest.form, code_digest.expires_at
        FROM code JOIN code_digest ON code_digest.code = code.id WHERE code.authority = ?1 AND code.uuid = ?2";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![authority, uuid])?;
    let (mut found, mut short, mut long) = (None, None, None);
    while let Some(row) = rows.next()? {
        found = Some((CodeId(row.get(0)?), row.get(1)?));
        let form: String = row.get(2)?;
        let expires_at = Timestamp::from_unix(row.get(3)?);
        match row::form(&form)? {
            CodeForm::Short => short = Some(expires_at),
            CodeForm::Long => long = Some(expires_at),
        }
    }
    let Some((id, claimed)) = found else { return Ok(None) };
    let short = short.or(long).ok_or_else(|| StoreError::Corrupt("a code without a form".to_owned()))?;
    Ok(Some((id, CodeStatus { claimed, expires_at: short, long_expires_at: long.unwrap_or(short) })))
}
