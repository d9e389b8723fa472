//! Finding the code of a text.

use tokio_postgres::Row;

use crate::codes::{CodeId, FoundCode, Peppered};
use crate::error::StoreError;
use crate::postgres::column;
use crate::postgres::pool::Pool;

/// Finds the code that has one of `digests` as its long form.
pub(super) async fn run(pool: &Pool, authority: &str, digests: &[Peppered]) -> Result<Option<FoundCode>, StoreError> {
    const SQL: &str = "-- codes::find_long
        SELECT code.id, wanted.place
        FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY AS wanted (digest, pepper, place)
        JOIN code_digest ON code_digest.digest = wanted.digest AND code_digest.form = 'long'
        JOIN code ON code.id = code_digest.code AND code.pepper = wanted.pepper
        WHERE code.authority = $3 ORDER BY wanted.place LIMIT 1";
    let wanted: Vec<&[u8]> = digests.iter().map(|one| one.digest.as_slice()).collect();
    let peppers: Vec<&str> = digests.iter().map(|one| one.pepper.as_str()).collect();
    let rows = pool.query("codes::find_long", SQL, &[&wanted, &peppers, &authority]).await?;
    rows.first().map_or(Ok(None), |row| found(row, digests))
}

/// Reads the two columns `id, place` of a row that one of `digests` was looked up for; none if they are NULL.
pub(in crate::postgres) fn found(row: &Row, digests: &[Peppered]) -> Result<Option<FoundCode>, StoreError> {
    let Some(id) = column::maybe_array(row, 0)? else { return Ok(None) };
    // Places are counted from one.
    let place = usize::try_from(column::value::<i64>(row, 1)? - 1).ok();
    let digest = place.and_then(|place| digests.get(place)).cloned();
    let digest = digest.ok_or_else(|| StoreError::Corrupt("a look-up found what was not asked for".to_owned()))?;
    Ok(Some(FoundCode { id: CodeId(id), digest }))
}
