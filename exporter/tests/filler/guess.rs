//! Guessing who is filler, from rows.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// How often people are dealt out at random, to learn what chance gives.
const DEALS: usize = 100;
/// How many times as far as the farthest deal something must be to tell. What tells is farther by far; at three times, one run in a thousand called
/// chance telling, since so many columns are looked at.
const TELLING: f64 = 4.5;

/// Rows of a table in the order in which they stand.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// A row about a key, and whose that is: a number among all people, and whether they are filler.
pub(crate) struct Row {
    pub(crate) values: Vec<String>,
    pub(crate) person: usize,
    pub(crate) filler: bool,
}

impl Table {
    /// The columns that tell filler from people, by what they hold or by where rows stand.
    pub(crate) fn telling(&self) -> Vec<String> {
        let by_value = (0..self.columns.len()).filter(|column| self.tells(*column));
        let mut telling: Vec<_> = by_value.map(|column| format!("{}.{}", self.name, self.columns[column])).collect();
        if self.neighbours_tell() {
            telling.push(format!("places of {}", self.name));
        }
        telling
    }

    /// Whether the values of people and of filler are farther apart than chance has it. People are dealt, not rows: what one person's rows have in
    /// common is chance as well.
    fn tells(&self, column: usize) -> bool {
        let mut classes = HashMap::new();
        let mut rows = Vec::new();
        for row in &self.rows {
            let next = classes.len();
            rows.push((*classes.entry(&row.values[column]).or_insert(next), row.person));
        }
        let mut filler: Vec<bool> = Vec::new();
        for row in &self.rows {
            filler.resize(filler.len().max(row.person + 1), false);
            filler[row.person] = row.filler;
        }
        let distance = |filler: &[bool]| {
            let mut counts = vec![[0.0_f64; 2]; classes.len()];
            rows.iter().for_each(|(class, person)| counts[*class][usize::from(filler[*person])] += 1.0);
            let [people, others] = [0, 1].map(|side| counts.iter().map(|count| count[side]).sum::<f64>().max(1.0));
            counts.iter().map(|[a, b]| (a / people - b / others).powi(2) / (a + b)).sum::<f64>()
        };
        let found = distance(&filler);
        let mut people: Vec<usize> = self.rows.iter().map(|row| row.person).collect();
        people.sort_unstable();
        people.dedup();
        let mut rng = StdRng::seed_from_u64(31);
        let mut farthest = 0.0_f64;
        for _ in 0..DEALS {
            let mut dealt: Vec<bool> = people.iter().map(|person| filler[*person]).collect();
            dealt.shuffle(&mut rng);
            let mut as_dealt = filler.clone();
            people.iter().zip(dealt).for_each(|(person, filler)| as_dealt[*person] = filler);
            farthest = farthest.max(distance(&as_dealt));
        }
        found > TELLING * farthest
    }

    /// Whether rows stand beside their like more often, or less, than chance has it. Here, too, people are dealt: where a person's rows stand follows
    /// from what that person's rows have in common.
    fn neighbours_tell(&self) -> bool {
        let mut filler = vec![false; self.rows.iter().map(|row| row.person + 1).max().unwrap_or(0)];
        self.rows.iter().for_each(|row| filler[row.person] = row.filler);
        let pairs: Vec<_> = self.rows.windows(2).map(|pair| (pair[0].person, pair[1].person)).collect();
        let alike = |filler: &[bool]| pairs.iter().filter(|(a, b)| filler[*a] == filler[*b]).count() as f64;
        let mut people: Vec<usize> = self.rows.iter().map(|row| row.person).collect();
        people.sort_unstable();
        people.dedup();
        let mut rng = StdRng::seed_from_u64(37);
        let mut dealt = Vec::with_capacity(DEALS);
        for _ in 0..DEALS {
            let mut labels: Vec<bool> = people.iter().map(|person| filler[*person]).collect();
            labels.shuffle(&mut rng);
            let mut as_dealt = filler.clone();
            people.iter().zip(labels).for_each(|(person, filler)| as_dealt[*person] = filler);
            dealt.push(alike(&as_dealt));
        }
        let mean = dealt.iter().sum::<f64>() / dealt.len() as f64;
        let farthest = dealt.iter().map(|found| (found - mean).abs()).fold(1.0, f64::max);
        (alike(&filler) - mean).abs() > TELLING * farthest
    }
}
