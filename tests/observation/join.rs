//! The attack: whose code led to an upload?

use std::collections::{BTreeSet, HashMap};

use crate::PEOPLE;
use crate::watcher::{Event, Source, Stream};

/// How many events before an upload's a code's may have been.
const LAGS: usize = 4;
/// A word that is in more events than this tells nothing.
const COMMON: usize = 8;
/// Chance strays farther than this, in standard deviations, once in five hundred million times.
const CHANCE: f64 = 6.0;
/// Beyond this there is no doubt.
const CERTAINTY: f64 = 12.0;
/// How many of the people of whom an attack says most are judged by themselves: a leak may name a few, and nobody else.
const WORST: usize = 20;
/// Of how many of these a way may be certain. A step has 14 people and more, and whoever knows only steps names nobody with more than about 1 in 14: 1.5 for all of
/// them, whichever steps a way guesses, so that chance has no part in it.
const TOLERATED: f64 = 8.0;

/// How many uploads were joined to their person, how many chance would have joined, and how many of the [`WORST`], for the way that tells most.
#[derive(Debug)]
#[expect(dead_code, reason = "read through Debug when a test fails")]
pub(crate) struct Verdict {
    what: String,
    found: f64,
    expected: f64,
    deviations: f64,
    worst: f64,
}

impl Verdict {
    /// Whether chance explains what was found.
    pub(crate) fn is_chance(&self) -> bool {
        self.telling() < 1.0
    }

    /// How near it is to what is no chance any more: from 1 on it is none.
    fn telling(&self) -> f64 {
        (self.deviations / CHANCE).max(self.worst / TOLERATED)
    }

    /// Whether nothing but what was read explains it.
    pub(crate) fn is_certain(&self) -> bool {
        self.deviations > CERTAINTY
    }
}

/// Whose events may belong to one of the key server's, among those of the verification service.
type Guess<'a> = Box<dyn Fn(usize, &Event) -> Vec<&'a Event> + 'a>;

/// Tries every way; the verdict on the one that tells most. `company` is among how many each person came.
pub(crate) fn attack(streams: &[Stream], company: &[usize]) -> Verdict {
    let of = |source| streams.iter().filter(move |stream| stream.source == source && !stream.events.is_empty());
    let uploads = || of(Source::Server).chain(of(Source::Exporter));
    let mut verdicts = Vec::new();
    for (codes, uploads) in of(Source::Verification).flat_map(|codes| uploads().map(move |keys| (codes, keys))) {
        for (way, guess) in ways(codes, uploads.events.len()) {
            let what = format!("{} of codes, {} of {:?}, by {way}", codes.name, uploads.name, uploads.source);
            verdicts.push(judge(what, uploads, &guess, company));
        }
    }
    verdicts.into_iter().max_by(|a, b| a.telling().total_cmp(&b.telling())).expect("there are metrics of both")
}

fn ways(codes: &Stream, uploads: usize) -> Vec<(String, Guess<'_>)> {
    let events = &codes.events;
    let mut ways: Vec<(String, Guess<'_>)> = Vec::new();
    for lag in 0..LAGS {
        let by_time = move |_: usize, upload: &Event| {
            let before = events.partition_point(|event| event.at <= upload.at);
            before.checked_sub(lag + 1).map(|at| &events[at]).into_iter().collect()
        };
        ways.push((format!("time, {lag} earlier"), Box::new(by_time)));
    }
    let by_rank = move |at: usize, _: &Event| events.get(at * events.len() / uploads).into_iter().collect();
    ways.push(("rank".to_owned(), Box::new(by_rank)));
    let index = index(events);
    let by_word = move |_: usize, upload: &Event| {
        let shared = words(&upload.text).into_iter().filter_map(|word| index.get(word));
        let rarest = shared.filter(|at| at.len() <= COMMON).min_by_key(|at| at.len());
        rarest.into_iter().flatten().map(|&at| &events[at]).collect()
    };
    ways.push(("words".to_owned(), Box::new(by_word)));
    ways
}

/// In which events each word is.
fn index(events: &[Event]) -> HashMap<String, Vec<usize>> {
    let mut index: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        for word in words(&event.text) {
            index.entry(word.to_owned()).or_default().push(at);
        }
    }
    index
}

/// Names, numbers and values, each once.
fn words(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"._-".contains(letter));
    words.filter(|word| !word.is_empty()).collect()
}

/// Counts for each upload how likely a guess among those whom the attack has come to suspect is right.
fn judge(what: String, uploads: &Stream, guess: &Guess<'_>, company: &[usize]) -> Verdict {
    let (mut hits, mut named, mut expected) = (vec![0.0; PEOPLE], vec![0.0_f64; PEOPLE], 0.0);
    for (at, upload) in uploads.events.iter().enumerate() {
        let suspects: BTreeSet<usize> =
            guess(at, upload).into_iter().flat_map(|event| event.owners.iter().copied()).collect();
        if suspects.is_empty() {
            continue;
        }
        for &person in &upload.owners {
            let hit = if suspects.contains(&person) { 1.0 / suspects.len() as f64 } else { 0.0 };
            hits[person] += hit;
            named[person] = named[person].max(hit);
            expected += 1.0 / company[person] as f64;
        }
    }
    let found: f64 = hits.iter().sum();
    let mean = found / PEOPLE as f64;
    let spread: f64 = hits.iter().map(|hits| (hits - mean).powi(2)).sum();
    let deviations = (found - expected) / spread.max(expected).max(1.0).sqrt();
    // Of each person the event that names them most: that many events name a whole step makes nobody of it more certain.
    named.sort_by(|a, b| b.total_cmp(a));
    Verdict { what, found, expected, deviations, worst: named.iter().take(WORST).sum() }
}
