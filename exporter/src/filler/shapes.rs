//! What people look like, learned from keys that nobody can put together again.
//!
//! No row tells whose a key is, but the keys of many people tell how many there are of each sort: all of one person share report type and onset, and
//! run back from the day before the upload without a gap. So the share of people with a run of at least n days is the number of keys that are n days
//! old, by the number of those that are one day old.

use std::collections::BTreeMap;

use proto::ReportType;
use rand::{CryptoRng, RngExt};
use store::OnsetSource;

use super::prior;
use super::sample::Observed;

/// Keys begin at most so many days before the upload.
pub(super) const MAX_AGE: u8 = 15;
/// Keys further from the onset than this, in days, are not published.
pub(super) const MAX_DISTANCE: i32 = 14;
/// Risks are 0 to 8.
const RISKS: usize = 9;

/// What the keys of one person have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sort {
    /// What is said.
    pub(super) report_type: u8,
    /// Who named the onset: 1 the request, 2 the certificate, 3 nobody.
    source: u8,
    /// How many days before the upload it was.
    pub(super) onset_age: i32,
}

/// What people look like.
#[derive(Debug, Clone)]
pub struct Shapes {
    /// Sorts of people, and how many there are of each.
    sorts: Vec<(Sort, f64)>,
    /// The share of people whose run has at least so many days; the first is the run of one.
    runs: [f64; MAX_AGE as usize],
    /// The share of people whose key of the day comes too,
    pub(super) today: f64,
    /// and of these, the share of those whose key ended with the upload.
    pub(super) cut: f64,
    /// Rolling periods of the keys of past days,
    periods: Vec<u8>,
    /// and at which interval of the day they began.
    offsets: Vec<u32>,
    /// How often each risk was sent, by report type and days since onset.
    risks: BTreeMap<(u8, i32), [u32; RISKS]>,
}

impl Shapes {
    /// Learns from what is seen; where that is too little, the prior helps. Nothing seen at all makes people whose risk nobody set, with an onset that
    /// nobody named.
    pub fn learn(seen: &[Observed]) -> Self {
        let certain: Vec<Observed> = seen.iter().filter(|key| key.certain).copied().collect();
        // Where every bundle is one of the small hours, uncertain days are better than none.
        let past = if certain.len() < prior::FEW_KEYS { seen } else { &certain };
        let past: Vec<Observed> = past.iter().filter(|key| key.age() >= 1).copied().collect();
        let runs = runs(&past);
        let (today, cut) = today(seen, &past);
        let mut risks = BTreeMap::<_, [u32; RISKS]>::new();
        for key in seen {
            let days = key.key.entry.key.rolling_start().days_since(key.key.raw.onset);
            let risk = usize::from(key.key.raw.transmission_risk).min(RISKS - 1);
            risks.entry((key.key.raw.report_type.export_value(), days)).or_default()[risk] += 1;
        }
        let whole: Vec<_> = past.iter().filter(|key| key.age() >= 2).map(|key| key.key.entry.key).collect();
        let mut periods: Vec<_> = whole.iter().map(|key| key.rolling_period()).collect();
        let mut offsets: Vec<_> = whole.iter().map(|key| key.rolling_start().number() % 144).collect();
        if whole.is_empty() {
            (periods, offsets) = (vec![144], vec![0]);
        }
        Self { sorts: sorts(&past, &runs), runs, today, cut, periods, offsets, risks }
    }

    /// Somebody's sort.
    pub(super) fn sort(&self, rng: &mut impl CryptoRng) -> Sort {
        let all: f64 = self.sorts.iter().map(|(_, people)| people).sum();
        let mut place = rng.random::<f64>() * all;
        for (sort, people) in &self.sorts {
            place -= people;
            if place < 0.0 {
                return *sort;
            }
        }
        // Rounding may leave a trace of the last one.
        self.sorts.last().map_or(Sort::ASSUMED, |(sort, _)| *sort)
    }

    /// The same among those whose report type is this, if there are any.
    pub(super) fn only(&self, report_type: ReportType) -> Option<Self> {
        let sorts = self.sorts.iter().filter(|(sort, _)| sort.report_type == report_type.export_value());
        let sorts: Vec<_> = sorts.copied().collect();
        (!sorts.is_empty()).then(|| Self { sorts, ..self.clone() })
    }

    /// How many days somebody's keys go back.
    pub(super) fn run(&self, rng: &mut impl CryptoRng) -> u8 {
        let place = rng.random::<f64>();
        let days = self.runs.iter().take_while(|share| place < **share).count();
        u8::try_from(days).unwrap_or(MAX_AGE)
    }

    /// The interval of the day at which somebody's keys begin.
    pub(super) fn offset(&self, rng: &mut impl CryptoRng) -> u32 {
        self.offsets[rng.random_range(0..self.offsets.len())]
    }

    /// The rolling period of a key of a past day.
    pub(super) fn period(&self, rng: &mut impl CryptoRng) -> u8 {
        self.periods[rng.random_range(0..self.periods.len())]
    }

    /// The risk that somebody sends who stands at `place` (0 to 1) among people, from those who send low ones to those who send high ones: who sends
    /// no risk at all does so for each key. Where nobody was seen, it is the risk of the nearest day.
    pub(super) fn risk(&self, sort: Sort, days: i32, place: f64) -> u8 {
        let near = |key: &&(u8, i32)| (key.0 != sort.report_type, (key.1 - days).abs(), key.1);
        let Some(nearest) = self.risks.keys().min_by_key(near) else { return 0 };
        let counts = &self.risks[nearest];
        let mut rest = place * f64::from(counts.iter().sum::<u32>());
        for (risk, count) in (0..).zip(counts) {
            rest -= f64::from(*count);
            if rest < 0.0 {
                return risk;
            }
        }
        (RISKS - 1) as u8
    }
}

impl Sort {
    const ASSUMED: Self = Self { report_type: 1, source: 3, onset_age: ASSUMED_DAYS };

    /// Who named the onset.
    pub(super) const fn source(self) -> OnsetSource {
        match self.source {
            1 => OnsetSource::Request,
            2 => OnsetSource::Certificate,
            _ => OnsetSource::Assumed,
        }
    }
}

/// Where nobody says, the onset is taken to lie so many days before the upload: the server's rule.
pub(super) const ASSUMED_DAYS: i32 = 4;

const fn source_number(source: OnsetSource) -> u8 {
    match source {
        OnsetSource::Request => 1,
        OnsetSource::Certificate => 2,
        OnsetSource::Assumed => 3,
    }
}

/// The share of people by the days that their keys go back. Only people whose onset leaves no key out are counted.
fn runs(past: &[Observed]) -> [f64; MAX_AGE as usize] {
    let mut keys = [0.0; MAX_AGE as usize];
    for key in past.iter().filter(|key| (0..=MAX_DISTANCE).contains(&key.onset_age())) {
        if let Some(count) = usize::try_from(key.age() - 1).ok().and_then(|age| keys.get_mut(age)) {
            *count += 1.0;
        }
    }
    let (mut runs, mut before) = ([0.0; MAX_AGE as usize], 1.0_f64);
    for (days, run) in (1..).zip(&mut runs) {
        let seen = keys[usize::from(days) - 1] + prior::PEOPLE * prior::survival(days);
        before = before.min(seen / (keys[0] + prior::PEOPLE));
        *run = before;
    }
    runs
}

/// The shares of people with the key of the day, and of those with one that ended with the upload.
fn today(seen: &[Observed], past: &[Observed]) -> (f64, f64) {
    let of_age = |keys: &[Observed], age: i32, certain: bool| {
        keys.iter().filter(|key| key.received.is_none() && key.certain == certain && key.age() == age).count() as f64
    };
    // Of whom nothing is sealed yet, the hour is known. A key of the day whose person came with an earlier bundle counts no more than its person.
    let first = past.iter().filter_map(|key| key.received).min();
    let fresh = |age: i32| {
        seen.iter().filter(|key| key.received.is_some() && key.received >= first && key.age() == age).count() as f64
    };
    let (mut days, mut people) = (if first.is_some() { fresh(0) } else { 0.0 }, fresh(1));
    let ended = seen.iter().filter(|key| key.age() == 0 && key.key.entry.key.rolling_period() < 144).count() as f64;
    let (ones, twos) = (of_age(seen, 1, true), of_age(seen, 2, true));
    let uncertain = of_age(seen, 2, false);
    if twos > 0.0 && uncertain > 0.0 {
        // In the bundles of the small hours, keys of the day before stand beside those that are a day old anyway.
        days += (of_age(seen, 1, false) - uncertain * ones / twos).max(0.0) + of_age(seen, 0, true);
        people += ones + uncertain * ones / twos;
    }
    let share = ((days + prior::PEOPLE * prior::TODAY) / (people + prior::PEOPLE)).clamp(0.0, 1.0);
    (share, if days > 0.0 { (ended / days).clamp(0.0, 1.0) } else { 0.0 })
}

/// How many people there are of each sort: their keys by how many such a person has.
fn sorts(past: &[Observed], runs: &[f64; MAX_AGE as usize]) -> Vec<(Sort, f64)> {
    let mut people = BTreeMap::<Sort, f64>::new();
    for key in past {
        let source = key.key.raw.onset_source;
        let onset_age = if source == OnsetSource::Assumed { ASSUMED_DAYS } else { key.onset_age() };
        let sort =
            Sort { report_type: key.key.raw.report_type.export_value(), source: source_number(source), onset_age };
        let each = keys_each(onset_age, runs);
        if each > 0.0 {
            *people.entry(sort).or_default() += 1.0 / each;
        }
    }
    if past.len() < prior::FEW_KEYS {
        assume_report_types(&mut people);
    }
    spread_onsets(&people).into_iter().collect()
}

/// How many keys somebody has on average whose onset was so many days ago.
fn keys_each(onset_age: i32, runs: &[f64; MAX_AGE as usize]) -> f64 {
    let published = (1..).zip(runs).filter(|(age, _)| (onset_age - age).abs() <= MAX_DISTANCE);
    published.map(|(_, share)| share).sum()
}

/// Adds the people of the prior, whose onsets rest on the same word as those of the others.
fn assume_report_types(people: &mut BTreeMap<Sort, f64>) {
    let known: Vec<(Sort, f64)> = people.iter().map(|(sort, people)| (*sort, *people)).collect();
    let all: f64 = known.iter().map(|(_, people)| people).sum();
    for (report_type, share) in prior::REPORT_TYPES {
        let report_type = report_type.export_value();
        if known.is_empty() {
            *people.entry(Sort { report_type, ..Sort::ASSUMED }).or_default() += prior::PEOPLE * share;
        }
        for (sort, number) in &known {
            *people.entry(Sort { report_type, ..*sort }).or_default() += prior::PEOPLE * share * number / all;
        }
    }
}

/// Lets the prior spread the onsets that somebody named.
fn spread_onsets(people: &BTreeMap<Sort, f64>) -> BTreeMap<Sort, f64> {
    let mut all = BTreeMap::<(u8, u8), f64>::new();
    for (sort, number) in people {
        *all.entry((sort.report_type, sort.source)).or_default() += number;
    }
    let whole: f64 = prior::ONSETS.iter().sum();
    let mut spread = BTreeMap::new();
    for (sort, number) in people {
        let together = all[&(sort.report_type, sort.source)];
        if sort.source() == OnsetSource::Assumed {
            *spread.entry(*sort).or_default() += number;
        } else {
            *spread.entry(*sort).or_default() += number * together / (together + prior::PEOPLE);
        }
    }
    for ((report_type, source), together) in all {
        if source == Sort::ASSUMED.source {
            continue;
        }
        for (onset_age, share) in (0..).zip(prior::ONSETS) {
            let assumed = together * prior::PEOPLE / (together + prior::PEOPLE);
            *spread.entry(Sort { report_type, source, onset_age }).or_default() += assumed * share / whole;
        }
    }
    spread
}
