//! Finding the code of a text.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::codes::{CodeForm, CodeId, FoundCode, Peppered};
use crate::error::StoreError;

/// Finds the code that has one of `digests` in this form.
pub(in crate::sqlite) fn run(
    transaction: &Transaction<'_>,
    authority: &str,
    form: CodeForm,
    digests: &[Peppered],
) -> Result<Option<FoundCode>, StoreError> {
    const SQL: &str = "-- codes::find
        SELECT code.id FROM code_digest JOIN code ON code.id = code_digest.code
        WHERE code_digest.digest = ?1 AND code_digest.form = ?2 AND code.authority = ?3 AND code.pepper = ?4";
    let mut statement = transaction.prepare_cached(SQL)?;
    for digest in digests {
        let wanted = params![digest.digest, form.as_str(), authority, digest.pepper];
        let id = statement.query_row(wanted, |row| row.get(0).map(CodeId)).optional()?;
        if let Some(id) = id {
            return Ok(Some(FoundCode { id, digest: digest.clone() }));
        }
    }
    Ok(None)
}
