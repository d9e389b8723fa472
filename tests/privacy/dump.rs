//! A copy of both databases: all bytes, and the rows that are about people or keys.

use std::collections::{HashMap, HashSet};

use aho_corasick::AhoCorasick;
use anyhow::ensure;
use tests::engine::Place;

use crate::{PEOPLE, postgres, sqlite};
use tests::crowd::Crowd;

/// A copy of both databases.
pub(crate) struct Dump {
    /// All bytes of both.
    pub(crate) bytes: Vec<u8>,
    /// The tables of the verification database with rows about people.
    pub(crate) people: Vec<Table>,
    /// The tables of the key database with rows about keys.
    pub(crate) keys: Vec<Table>,
}

/// A copy of one database.
pub(crate) struct Copied {
    pub(crate) bytes: Vec<u8>,
    /// All tables, whatever their rows are about.
    pub(crate) tables: Vec<Table>,
}

/// The rows of a table in the order in which they stand.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// What the values of a row are; what the database notes by itself is among them.
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// A row.
#[derive(Clone)]
pub(crate) struct Row {
    /// As text; bytes in hexadecimal, nothing for NULL.
    pub(crate) values: Vec<String>,
    /// The value by which the test knows whose it is, and who that is.
    pub(crate) known_by: String,
    pub(crate) who: Option<usize>,
}

impl Dump {
    /// Copies both databases while they are in use.
    pub(crate) async fn of(crowd: &Crowd) -> anyhow::Result<Self> {
        let databases = crowd.system.databases();
        let mut codes = copy(&databases.verification, &crowd.people).await?;
        let mut keys = copy(&databases.keys, &crowd.keys).await?;
        codes.blank_migrations()?;
        keys.blank_migrations()?;
        Ok(Self {
            bytes: [codes.bytes, keys.bytes].concat(),
            people: attribute(codes.tables, &crowd.people),
            keys: attribute(keys.tables, &crowd.keys),
        })
    }

    /// Checks that every person and every key was found.
    pub(crate) fn ensure_complete(&self) -> anyhow::Result<()> {
        for (tables, expected) in [(&self.people, PEOPLE), (&self.keys, PEOPLE * 14)] {
            let known = |table: &Table| table.rows.iter().map(|row| &row.known_by).collect::<HashSet<_>>().len();
            ensure!(tables.iter().any(|table| known(table) == expected), "rows are missing");
        }
        Ok(())
    }
}

impl Copied {
    /// Takes the checksums and the times of migrations out of the bytes, which are the same for everybody. They are decimals of up to twenty digits, in
    /// which one of a thousand codes of eight digits would be found by chance in one of some two hundred copies.
    fn blank_migrations(&mut self) -> anyhow::Result<()> {
        let histories = self.tables.iter().filter(|table| table.name.starts_with("refinery_"));
        let values = histories.flat_map(|table| {
            let told = |at: &usize| ["checksum", "applied_on"].contains(&&*table.columns[*at]);
            let columns: Vec<_> = (0..table.columns.len()).filter(told).collect();
            table.rows.iter().flat_map(move |row| columns.clone().into_iter().map(|at| row.values[at].clone()))
        });
        let places = AhoCorasick::new(values.filter(|value| value.len() > 8))?;
        let found: Vec<_> = places.find_iter(&self.bytes).map(|found| found.range()).collect();
        ensure!(!found.is_empty(), "migrations are noted somewhere");
        found.into_iter().for_each(|range| self.bytes[range].fill(b'-'));
        Ok(())
    }
}

async fn copy(place: &Place, known: &HashMap<String, usize>) -> anyhow::Result<Copied> {
    match place {
        Place::File(path) => sqlite::copy(path, known),
        Place::Server(database) => postgres::copy(database).await,
    }
}

/// The rows with a known value, and the tables that have any.
fn attribute(tables: Vec<Table>, known: &HashMap<String, usize>) -> Vec<Table> {
    let mut found = Vec::new();
    for mut table in tables {
        for row in &mut table.rows {
            if let Some(value) = row.values.iter().find(|value| known.contains_key(*value)) {
                (row.known_by, row.who) = (value.clone(), known.get(value).copied());
            }
        }
        table.rows.retain(|row| row.who.is_some());
        if !table.rows.is_empty() {
            found.push(table);
        }
    }
    found
}

impl Row {
    /// A row that nobody has looked at yet.
    pub(crate) fn of(values: Vec<String>) -> Self {
        Self { values, known_by: String::new(), who: None }
    }
}

impl Table {
    /// Where its rows stand, and a column of people that it does not have.
    pub(crate) fn with_column(&self, name: &str, value: &dyn Fn(usize) -> String) -> Self {
        let mut table = self.clone();
        table.columns = vec![self.columns[0].clone(), name.to_owned()];
        for row in &mut table.rows {
            row.values.truncate(1);
            row.values.push(row.who.map(value).unwrap_or_default());
        }
        table
    }

    /// The columns that do not say the same of everybody.
    pub(crate) fn telling(&self) -> impl Iterator<Item = usize> {
        let differs = |column: &usize| self.rows.iter().any(|row| row.values[*column] != self.rows[0].values[*column]);
        (0..self.columns.len()).filter(differs)
    }
}
