//! Ways to look at a copy of a database.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use crate::crowd::{Crowd, Owners};

/// A copy of everything: files and rows.
pub(crate) struct Dump {
    /// The bytes of the database file.
    file: Vec<u8>,
    /// The bytes of the write-ahead log.
    pub(crate) log: Vec<u8>,
    /// Tables and the SQL that made them.
    pub(crate) tables: Vec<(String, String)>,
    rows: Vec<Table>,
}

struct Table {
    name: String,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// A column of people's rows that is not their identity.
pub(crate) struct Column {
    /// Table and column.
    pub(crate) name: String,
    /// Who has which value.
    pub(crate) people_by_value: Vec<(Value, HashSet<usize>)>,
}

impl Dump {
    /// Copies a database that a program has open.
    pub(crate) fn of(path: &Path) -> Self {
        let log = path.with_extension("db-wal");
        let (file, log) = (std::fs::read(path).expect("the file"), std::fs::read(log).unwrap_or_default());
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opened");
        let mut list = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").expect("SQL");
        let tables = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("listed");
        let tables: Vec<(String, String)> = tables.collect::<Result<_, _>>().expect("listed");
        let rows = tables.iter().map(|(name, _)| Table::read(&database, name)).collect();
        Self { file, log, tables, rows }
    }

    /// The sequences of known identities, by the way of looking: each table in its own order, and the files byte by byte.
    pub(crate) fn sequences(&self, owners: &Owners) -> Vec<(String, Vec<Vec<u8>>)> {
        let mut sequences = vec![("bytes of the file".to_owned(), occurrences(&self.file, owners))];
        if !self.log.is_empty() {
            sequences.push(("bytes of the write-ahead log".to_owned(), occurrences(&self.log, owners)));
        }
        for table in &self.rows {
            let sequence: Vec<_> = table.rows.iter().filter_map(|row| identity(row, owners).cloned()).collect();
            if !sequence.is_empty() {
                sequences.push((format!("rows of {}", table.name), sequence));
            }
        }
        sequences
    }

    /// The columns of all rows with a known identity, but for the identity itself and what holds it.
    pub(crate) fn columns(&self, owners: &Owners) -> Vec<Column> {
        self.rows.iter().flat_map(|table| table.columns_of_people(owners)).collect()
    }
}

impl Table {
    fn read(database: &Connection, name: &str) -> Self {
        let mut select = database.prepare(&format!("SELECT * FROM {name}")).expect("SQL");
        let columns: Vec<_> = select.column_names().map(str::to_owned).collect();
        let width = columns.len();
        let rows = select.query_map([], |row| (0..width).map(|index| row.get(index)).collect()).expect("rows");
        let rows = rows.collect::<Result<_, _>>().expect("rows");
        Self { name: name.to_owned(), columns, rows }
    }

    fn columns_of_people(&self, owners: &Owners) -> Vec<Column> {
        let people = |index: usize| {
            let mut people: Vec<(Value, HashSet<usize>)> = Vec::new();
            for row in &self.rows {
                let Some(owner) = identity(row, owners).map(|identity| owners[identity]) else { continue };
                match people.iter_mut().find(|(value, _)| *value == row[index]) {
                    Some((_, people)) => _ = people.insert(owner),
                    None => people.push((row[index].clone(), HashSet::from([owner]))),
                }
            }
            people
        };
        let of_people = self.rows.iter().any(|row| identity(row, owners).is_some());
        // A proof is one key's alone, like the key itself.
        let identities = ["key", "rvk", "signed_report", "proof"];
        let columns = self.columns.iter().enumerate().filter(|(_, name)| !identities.contains(&name.as_str()));
        columns
            .filter(|_| of_people)
            .map(|(index, name)| Column { name: format!("{}.{name}", self.name), people_by_value: people(index) })
            .collect()
    }
}

/// The known identity in a row.
fn identity<'a>(row: &[Value], owners: &'a Owners) -> Option<&'a Vec<u8>> {
    row.iter().find_map(|value| match value {
        Value::Blob(bytes) => owners.get_key_value(bytes).map(|(identity, _)| identity),
        _ => None,
    })
}

/// Every place in `bytes` where a known identity stands, in rows, in what is left of deleted ones, or between them.
pub(crate) fn occurrences(bytes: &[u8], owners: &Owners) -> Vec<Vec<u8>> {
    let by_beginning: HashMap<&[u8], &Vec<u8>> = owners.keys().map(|identity| (&identity[..8], identity)).collect();
    let beginnings = bytes.windows(8).enumerate().filter_map(|(at, window)| Some((at, *by_beginning.get(window)?)));
    beginnings
        .filter(|(at, identity)| bytes[*at..].starts_with(identity))
        .map(|(_, identity)| identity.clone())
        .collect()
}

/// The bytes of a database that keeps rows where they came to stand: nothing but a table by key, filled in the order of uploads.
pub(crate) fn kept_as_it_came(crowd: &Crowd) -> Vec<u8> {
    let database = Connection::open(crowd.path()).expect("opened");
    let create = "CREATE TABLE kept (key BLOB PRIMARY KEY, rest BLOB) STRICT, WITHOUT ROWID; BEGIN";
    database.execute_batch(create).expect("SQL");
    for identity in &crowd.order {
        database.execute("INSERT INTO kept VALUES (?1, zeroblob(20))", [identity]).expect("inserted");
    }
    database.execute_batch("COMMIT").expect("SQL");
    std::fs::read(crowd.path()).expect("the file")
}
