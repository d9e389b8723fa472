//! Ways to look at a PostgreSQL database: where each row stands (ctid), which transaction wrote it (xmin), and what its columns say.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cluster::Database;
use proto::Kind;
use store::{Clock, DatabaseUrl, PostgresKeyStore};
use tokio_postgres::Client;

use crate::crowd::{Crowd, Owners};

/// The tables that hold people's rows, and the column that identifies them.
const TABLES: [(&str, &str); 10] = [
    ("gaen_fresh", "key"),
    ("gaen_waiting", "key"),
    ("gaen_kept", "key"),
    ("gaen_publication", "key"),
    ("gaen_quarantine", "key"),
    ("tcn_fresh", "rvk"),
    ("tcn_waiting", "rvk"),
    ("tcn_kept", "rvk"),
    ("tcn_publication", "rvk"),
    ("tcn_quarantine", "rvk"),
];

/// A crowd whose keys go to two feeds of a database on the cluster of this test run.
pub(crate) async fn crowd(kind: Kind) -> (Database, Crowd) {
    let migrate = async |url: &str| migrate(url).await;
    let database = Database::from_template("keys", migrate).await.expect("a database");
    let Ok(DatabaseUrl::Postgres(url)) = database.url().parse() else { panic!("no URL of a server") };
    let clock = Clock::system();
    let store = PostgresKeyStore::open(&url, clock.clone()).await.expect("opened");
    (database, Crowd::on(kind, (Arc::new(store), clock), &["SJ"]).await)
}

async fn migrate(url: &str) {
    store::migrate_key_store(&url.parse().expect("a URL")).await.expect("migrated");
}

/// The sequences of known identities: each table by the places of its rows, and by the transactions that wrote them.
pub(crate) async fn sequences(client: &Client, owners: &Owners) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut sequences = Vec::new();
    for (table, identity) in TABLES {
        for order in ["ctid", "xmin::text::bigint, ctid"] {
            let sql = format!("SELECT {identity} FROM {table} ORDER BY {order}");
            let rows = client.query(&sql, &[]).await.expect("read");
            let known = rows.iter().map(|row| row.get::<_, Vec<u8>>(0)).filter(|row| owners.contains_key(row));
            let sequence: Vec<_> = known.collect();
            if !sequence.is_empty() {
                sequences.push((format!("{table} by {order}"), sequence));
            }
        }
    }
    sequences
}

/// The columns of sealed rows, the hidden ones included, and how many people have each value; but for what identifies a row.
pub(crate) async fn columns(client: &Client, owners: &Owners) -> Vec<(String, Vec<usize>)> {
    const COLUMNS: &str = "SELECT attname::text FROM pg_attribute
        WHERE attrelid = $1::text::regclass AND attname <> ALL (ARRAY['key', 'rvk', 'signed_report', 'proof', 'ctid'])";
    let mut columns = Vec::new();
    for (table, identity) in
        TABLES.into_iter().filter(|(table, _)| !table.ends_with("fresh") && !table.ends_with("waiting"))
    {
        for column in client.query(COLUMNS, &[&table]).await.expect("listed") {
            let column: String = column.get(0);
            let sql = format!("SELECT {identity}, {column}::text FROM {table}");
            let mut people: HashMap<Option<String>, HashSet<usize>> = HashMap::new();
            for row in client.query(&sql, &[]).await.expect("read") {
                if let Some(owner) = owners.get(&row.get::<_, Vec<u8>>(0)) {
                    people.entry(row.get(1)).or_default().insert(*owner);
                }
            }
            if !people.is_empty() {
                columns.push((format!("{table}.{column}"), people.values().map(HashSet::len).collect()));
            }
        }
    }
    columns
}

/// How many counters there are, and the known identities in rows that the same transaction wrote as one of them.
pub(crate) async fn counted_with(client: &Client, owners: &Owners) -> (i64, Vec<Vec<u8>>) {
    let counters = client.query_one("SELECT count(*) FROM upload_count", &[]).await.expect("counted").get(0);
    let mut found = Vec::new();
    for (table, identity) in TABLES {
        let sql = format!(
            "SELECT {identity} FROM {table} WHERE xmin::text IN (SELECT counter.xmin::text FROM upload_count AS counter)"
        );
        let rows = client.query(&sql, &[]).await.expect("read");
        found.extend(rows.iter().map(|row| row.get::<_, Vec<u8>>(0)).filter(|identity| owners.contains_key(identity)));
    }
    (counters, found)
}
