//! Which secrets are still needed.

use rusqlite::Transaction;

use crate::error::StoreError;

/// Reads every row: for operators, who rotate secrets now and then, and not for requests.
pub(super) fn run(transaction: &Transaction<'_>) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "-- codes::peppers
        SELECT DISTINCT pepper FROM code ORDER BY pepper";
    let mut statement = transaction.prepare_cached(SQL)?;
    let peppers = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(peppers)
}
