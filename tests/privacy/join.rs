//! The attack: which person does a key belong to?

use std::collections::{HashMap, HashSet};

use crate::PEOPLE;
use crate::dump::Table;

/// How many ranks a guess may be off and still count: not at all, a few, and as many as come in half an hour.
const REACHES: [usize; 3] = [0, 10, 100];
/// Chance strays farther than this, in standard deviations, once in five hundred million times; the attack tries about a thousand ways.
const CHANCE: f64 = 6.0;
/// Beyond this there is no doubt.
const CERTAINTY: f64 = 12.0;

/// How many keys were joined to their person, and how many chance would have joined, for the way that tells most.
#[derive(Debug)]
#[expect(dead_code, reason = "read through Debug when a test fails")]
pub(crate) struct Verdict {
    /// The two columns that were laid beside each other.
    pub(crate) what: String,
    found: f64,
    expected: f64,
    deviations: f64,
}

impl Verdict {
    /// Whether chance explains what was found.
    pub(crate) fn is_chance(&self) -> bool {
        self.deviations < CHANCE
    }

    /// Whether nothing but the databases explains it.
    pub(crate) fn is_certain(&self) -> bool {
        self.deviations > CERTAINTY
    }

    /// Compares with chance. People are independent of each other, so the spread of the sum follows from the spread among them.
    fn of(what: String, hits: &[f64], expected: f64) -> Self {
        let found: f64 = hits.iter().sum();
        let mean = found / PEOPLE as f64;
        let spread: f64 = hits.iter().map(|hits| (hits - mean).powi(2)).sum();
        Self { what, found, expected, deviations: (found - expected) / spread.max(expected).max(1.0).sqrt() }
    }
}

/// Tries every way; the verdict on the one that tells most.
pub(crate) fn attack(people: &[Table], keys: &[Table]) -> Verdict {
    let verdicts = by_rank(people, keys).into_iter().chain(by_value(people, keys));
    verdicts.max_by(|a, b| a.deviations.total_cmp(&b.deviations)).expect("there are rows")
}

/// Somebody who comes in the middle of one order comes in the middle of the other.
fn by_rank(people: &[Table], keys: &[Table]) -> Vec<Verdict> {
    let mut orders = orders(people);
    let backwards: Vec<_> = orders
        .iter()
        .map(|(order, name)| (order.iter().rev().copied().collect(), format!("{name} backwards")))
        .collect();
    orders.extend(backwards);
    let mut verdicts = Vec::new();
    for (order, person) in orders {
        let mut rank = [usize::MAX; PEOPLE];
        // A person may have several rows: the first place counts.
        let mut seen = HashSet::new();
        let order: Vec<usize> = order.into_iter().filter(|who| seen.insert(*who)).collect();
        order.iter().enumerate().for_each(|(at, who)| rank[*who] = at);
        for (owners, key) in self::orders(keys) {
            let (mut hits, mut possible) = (REACHES.map(|_| [0.0; PEOPLE]), REACHES.map(|_| 0.0));
            for (at, owner) in owners.iter().enumerate() {
                let guess = at * order.len() / owners.len();
                for (reach, (hits, possible)) in REACHES.iter().zip(hits.iter_mut().zip(&mut possible)) {
                    let window = (guess + reach + 1).min(order.len()) - guess.saturating_sub(*reach);
                    *possible += window as f64 / PEOPLE as f64;
                    hits[*owner] += f64::from(rank[*owner] != usize::MAX && rank[*owner].abs_diff(guess) <= *reach);
                }
            }
            for (reach, (hits, possible)) in REACHES.iter().zip(hits.iter().zip(possible)) {
                verdicts.push(Verdict::of(format!("{person}, {key}, within {reach}"), hits, possible));
            }
        }
    }
    verdicts
}

/// The orders that the rows of tables can be brought into: where they stand, and by each column that tells anything. Each order
/// once.
fn orders(tables: &[Table]) -> Vec<(Vec<usize>, String)> {
    let (mut orders, mut seen) = (Vec::new(), HashSet::new());
    for table in tables {
        for column in table.telling() {
            let mut rows: Vec<_> = table.rows.iter().collect();
            // Numbers by their size, everything else as text. The sort is stable: rows that a column does not tell apart stay in their places.
            // The first column of a table is where its rows stand, or no better; it leaves them there.
            if column > 0 || table.columns.len() == 1 {
                rows.sort_by_cached_key(|row| (row.values[column].parse::<i64>().ok(), row.values[column].clone()));
            }
            let order: Vec<usize> = rows.iter().filter_map(|row| row.who).collect();
            if seen.insert(order.clone()) {
                orders.push((order, format!("{}.{}", table.name, table.columns[column])));
            }
        }
    }
    orders
}

/// A value that a person's row and a key's row share: the key belongs to one of those who have it.
fn by_value(people: &[Table], keys: &[Table]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (person, of_people) in columns(people) {
        let mut sharing: HashMap<&str, HashSet<usize>> = HashMap::new();
        for (value, who) in of_people {
            sharing.entry(value).or_default().insert(who);
        }
        for (key, of_keys) in columns(keys) {
            let (mut hits, mut matched) = ([0.0; PEOPLE], 0.0);
            for (value, owner) in of_keys {
                let Some(sharing) = sharing.get(value) else { continue };
                matched += 1.0;
                hits[owner] += if sharing.contains(&owner) { 1.0 / sharing.len() as f64 } else { 0.0 };
            }
            verdicts.push(Verdict::of(format!("{person} = {key}"), &hits, matched / PEOPLE as f64));
        }
    }
    verdicts
}

/// Every column that tells anything, with its values and whose they are.
fn columns(tables: &[Table]) -> impl Iterator<Item = (String, Vec<(&str, usize)>)> {
    tables.iter().flat_map(|table| {
        table.telling().map(|at| {
            let values = table.rows.iter().filter_map(move |row| Some((row.values[at].as_str(), row.who?)));
            let values = values.filter(|(value, _)| !value.is_empty()).collect();
            (format!("{}.{}", table.name, table.columns[at]), values)
        })
    })
}
