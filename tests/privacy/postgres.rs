//! Copying a database of a server: its rows with their places and transactions, and the bytes of its files, in which deleted rows remain.

use cluster::Database;

use crate::dump::{Copied, Row, Table};

/// Copies it, as the user who owns the server.
pub(crate) async fn copy(database: &Database) -> anyhow::Result<Copied> {
    const TABLES: &str = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    const COLUMNS: &str = "SELECT attname::text, atttypid = 'bytea'::regtype FROM pg_attribute
        WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
    const FILES: &str = "SELECT pg_read_binary_file(pg_relation_filepath(oid)) FROM pg_class
        WHERE relkind IN ('r', 'i', 't') AND relfilenode <> 0 AND oid >= 16384";
    let client = database.connect().await?;
    let mut tables = Vec::new();
    for name in client.query(TABLES, &[]).await? {
        let name: String = name.get(0);
        let mut columns = vec!["place".to_owned(), "transaction".to_owned()];
        let mut selected = vec!["ctid::text".to_owned(), "xmin::text".to_owned()];
        for column in client.query(COLUMNS, &[&name]).await? {
            let (column, is_bytes): (String, bool) = (column.get(0), column.get(1));
            selected.push(if is_bytes { format!("encode({column}, 'hex')") } else { format!("{column}::text") });
            columns.push(column);
        }
        let sql = format!("SELECT {} FROM {name} ORDER BY ctid", selected.join(", "));
        let read = |row: &tokio_postgres::Row| {
            let value = |at| row.get::<_, Option<String>>(at).unwrap_or_default();
            Row::of((0..row.len()).map(value).collect())
        };
        let rows = client.query(&sql, &[]).await?.iter().map(read).collect();
        tables.push(Table { name, columns, rows });
    }
    // What is written down so far is in the files.
    client.batch_execute("CHECKPOINT").await?;
    let files = client.query(FILES, &[]).await?;
    let bytes = files.iter().flat_map(|file| file.get::<_, &[u8]>(0)).copied().collect();
    Ok(Copied { bytes, tables })
}
