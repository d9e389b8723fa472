//! Copying a database file: its rows in the order in which they are stored, and all bytes of it and of its log. What stands where in these
//! is one more table each.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::Context as _;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use crate::dump::{Copied, Row, Table};

/// Copies it while programs have it open.
pub(crate) fn copy(path: &Path, known: &HashMap<String, usize>) -> anyhow::Result<Copied> {
    let file = std::fs::read(path).with_context(|| path.display().to_string())?;
    let log = std::fs::read(path.with_extension("db-wal")).unwrap_or_default();
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut list = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let names: Vec<String> = list.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut tables: Vec<Table> = names.into_iter().map(|name| read(&database, name)).collect::<Result<_, _>>()?;
    for (name, bytes) in [("bytes of the file", &file), ("bytes of the log", &log)] {
        let rows = occurrences(bytes, known).into_iter().map(|found| Row::of(vec![found])).collect();
        tables.push(Table { name: name.to_owned(), columns: vec!["found".to_owned()], rows });
    }
    Ok(Copied { bytes: [file, log].concat(), tables })
}

fn read(database: &Connection, name: String) -> anyhow::Result<Table> {
    let mut select = database.prepare(&format!("SELECT * FROM {name}"))?;
    let columns: Vec<String> = select.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let rows = select.query_map([], |row| (0..width).map(|at| row.get(at).map(text)).collect::<Result<_, _>>())?;
    let rows = rows.map(|row| row.map(Row::of)).collect::<Result<_, _>>()?;
    Ok(Table { name, columns, rows })
}

fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => real.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => hex::encode(bytes),
    }
}

/// The known values in the order in which each is found first.
fn occurrences(bytes: &[u8], known: &HashMap<String, usize>) -> Vec<String> {
    let known: HashMap<[u8; 16], &String> = known.keys().filter_map(|key| Some((binary(key)?, key))).collect();
    // Two bytes rule most places out at once.
    let mut begins = vec![false; 1 << 16];
    known.keys().for_each(|key| begins[usize::from(u16::from_be_bytes([key[0], key[1]]))] = true);
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    for (at, pair) in bytes.windows(2).enumerate() {
        if begins[usize::from(u16::from_be_bytes([pair[0], pair[1]]))]
            && let Some(window) = bytes[at..].first_chunk::<16>()
            && let Some(key) = known.get(window)
            && seen.insert(*key)
        {
            found.push((*key).clone());
        }
    }
    found
}

fn binary(key: &str) -> Option<[u8; 16]> {
    hex::decode(key).ok()?.try_into().ok()
}
