//! Looking into the tables.

use tests::engine::Place;

/// The keys in some tables, each as often as it stands there.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn keys(place: &Place, tables: [&str; 2]) -> anyhow::Result<Vec<Vec<u8>>> {
    let [first, second] = tables;
    let query = format!("SELECT key FROM {first} UNION ALL SELECT key FROM {second}");
    match place {
        Place::File(path) => {
            let database = rusqlite::Connection::open(path)?;
            let mut statement = database.prepare(&query)?;
            let keys = statement.query_map([], |row| row.get(0))?;
            Ok(keys.collect::<Result<_, _>>()?)
        }
        Place::Server(database) => {
            let rows = database.connect().await?.query(&query, &[]).await?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        }
    }
}
