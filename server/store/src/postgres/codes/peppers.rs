//! Which secrets are still needed.

use crate::error::StoreError;
use crate::postgres::column;
use crate::postgres::pool::Pool;

/// Reads every row: for operators, who rotate secrets now and then, and not for requests.
pub(super) async fn run(pool: &Pool) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "-- codes::peppers
        SELECT pepper FROM (SELECT DISTINCT pepper FROM code) AS needed ORDER BY pepper COLLATE \"C\"";
    pool.query("codes::peppers", SQL, &[]).await?.iter().map(|row| column::value(row, 0)).collect()
}
