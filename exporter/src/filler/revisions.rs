//! Filler of revisions: people who were published as filler, and of whom something else is said now, as of the few real ones that wait.

use std::collections::{BTreeMap, HashMap};

use proto::{Interval, ReportType, Timestamp};
use rand::{CryptoRng, RngExt};
use store::{AcceptedKey, FillerRevision, Identity, OnsetSource, Place, RawKey, Sampled, SampledKey, release_at};

use super::history::Who;
use super::person::publish;
use super::shapes::ASSUMED_DAYS;
use super::source::received_before;

/// What somebody says anew, as far as others could say it too.
#[derive(Debug, Clone, Copy)]
struct Change {
    /// What was said.
    from: ReportType,
    /// What is said now.
    to: ReportType,
    /// Nobody said it: an operator withdrew the key.
    withdrawn: bool,
    /// In which bundle it was published first.
    sequence: u64,
    /// The authority's policy now.
    policy_version: u32,
    /// When it may be released.
    release_at: Timestamp,
}

/// Filler that can be revised, and how.
pub(super) struct Candidates<'a> {
    changes: Vec<Change>,
    people: Vec<Candidate<'a>>,
}

/// Somebody of whom nothing was revised.
struct Candidate<'a> {
    report_type: ReportType,
    sequence: u64,
    /// How many of the keys are sealed in this feed.
    sealed: u64,
    keys: Vec<&'a Sampled<SampledKey>>,
}

impl<'a> Candidates<'a> {
    /// Finds what waits to be revised, and who among the known filler could be.
    pub(super) fn find(sampled: &'a [Sampled<SampledKey>], known: &HashMap<[u8; 16], Who>) -> Self {
        Self { changes: changes(sampled, known), people: people(sampled, known) }
    }

    /// The report types of which people are needed who can be revised later.
    pub(super) fn report_types(&self) -> Vec<ReportType> {
        self.changes.iter().map(|change| change.from).collect()
    }

    /// How many publications could be revised as some that wait.
    pub(super) fn available(&self) -> u64 {
        let fits = |person: &&Candidate<'_>| self.changes.iter().any(|change| change.from == person.report_type);
        self.people.iter().filter(fits).map(|person| person.sealed).sum()
    }

    /// Revises people until so many publications more would wait, or as many as there are. Who was published beside those who wait comes first, and
    /// then who was published nearest to them. They say it in the same quarter of an hour as those.
    pub(super) fn revise(mut self, wanted: u64, rng: &mut impl CryptoRng) -> Vec<FillerRevision> {
        let (mut revisions, mut there) = (Vec::new(), 0);
        while there < wanted && !self.changes.is_empty() {
            let at = rng.random_range(0..self.changes.len());
            let change = self.changes[at];
            let mut fitting: Vec<_> =
                (0..self.people.len()).filter(|i| self.people[*i].report_type == change.from).collect();
            let nearest = fitting.iter().map(|i| self.people[*i].sequence.abs_diff(change.sequence)).min();
            fitting.retain(|i| Some(self.people[*i].sequence.abs_diff(change.sequence)) == nearest);
            if fitting.is_empty() {
                self.changes.swap_remove(at);
                continue;
            }
            let person = self.people.swap_remove(fitting[rng.random_range(0..fitting.len())]);
            there += person.sealed;
            revisions.push(person.say(change, received_before(change.release_at, rng)));
        }
        revisions
    }
}

impl Candidate<'_> {
    fn say(&self, change: Change, received: Timestamp) -> FillerRevision {
        if change.withdrawn {
            let identity = |key: &&Sampled<SampledKey>| -> Identity { key.published.entry.key.data().to_vec() };
            let identities = self.keys.iter().map(identity).collect();
            return FillerRevision::Withdrawn { identities, release_at: change.release_at };
        }
        let keys = self.keys.iter().filter_map(|key| say(&key.published, change.to, received)).collect();
        FillerRevision::Said { keys, policy_version: change.policy_version }
    }
}

/// What the server's rules make of a key of which this is said now; none if it lies too far from the onset that counts now.
fn say(known: &SampledKey, report_type: ReportType, received: Timestamp) -> Option<AcceptedKey> {
    let onset = match known.raw.onset_source {
        // Nobody names it now either, and it is counted from the upload.
        OnsetSource::Assumed => Interval::containing(received.plus(-86_400 * i64::from(ASSUMED_DAYS))).midnight(),
        OnsetSource::Request | OnsetSource::Certificate => known.raw.onset,
    };
    let raw = RawKey { report_type, onset, ..known.raw };
    let published = publish(known.entry.key, &raw);
    published.days_since_onset?;
    Some(AcceptedKey { raw, published, release_at: release_at(known.entry.key.validity_end(), received) })
}

/// What waits to be revised; if there is anything else, without filler.
fn changes(sampled: &[Sampled<SampledKey>], known: &HashMap<[u8; 16], Who>) -> Vec<Change> {
    let firsts = firsts(sampled);
    let revising = sampled.iter().filter(|one| matches!(one.place, Place::Revising { .. }));
    let (filler, real): (Vec<_>, Vec<_>) = revising.partition(|one| known.contains_key(one.published.entry.key.data()));
    let counted = if real.is_empty() { filler } else { real };
    let change = |one: &Sampled<SampledKey>| {
        let Place::Revising { release_at } = one.place else { return None };
        let entry = &one.published.entry;
        let to = entry.report_type?;
        let first = firsts.get(entry.key.data());
        let same = first.is_some_and(|(_, first)| {
            let first = &first.published.entry;
            first.transmission_risk == entry.transmission_risk && first.days_since_onset == entry.days_since_onset
        });
        let from = first.and_then(|(_, first)| first.published.entry.report_type);
        let from = from.unwrap_or(one.published.raw.report_type);
        let withdrawn = to == ReportType::Negative && (same || from == ReportType::Confirmed);
        let sequence = first.map_or(0, |(sequence, _)| *sequence);
        let policy_version = one.provenance.policy_version;
        Some(Change { from, to, withdrawn, sequence, policy_version, release_at })
    };
    counted.into_iter().filter_map(change).collect()
}

/// The first publication of each key, and its bundle.
fn firsts(sampled: &[Sampled<SampledKey>]) -> HashMap<&[u8; 16], (u64, &Sampled<SampledKey>)> {
    let first = |one: &'_ Sampled<SampledKey>| match one.place {
        Place::Sealed { sequence, .. } => Some(sequence),
        Place::Waiting { .. } | Place::Revising { .. } => None,
    };
    sampled.iter().filter_map(|one| Some((one.published.entry.key.data(), (first(one)?, one)))).collect()
}

fn people<'a>(sampled: &'a [Sampled<SampledKey>], known: &HashMap<[u8; 16], Who>) -> Vec<Candidate<'a>> {
    // In the order of their keys, which is the same for everybody who draws with the same randomness.
    let mut by_person = BTreeMap::<&[u8; 16], Vec<&Sampled<SampledKey>>>::new();
    let mut first_key = HashMap::<Who, &[u8; 16]>::new();
    for one in sampled {
        let data = one.published.entry.key.data();
        if let Some(who) = known.get(data) {
            by_person.entry(*first_key.entry(*who).or_insert(data)).or_default().push(one);
        }
    }
    by_person.into_values().filter_map(candidate).collect()
}

/// Somebody, if they can be revised.
fn candidate<'a>(keys: Vec<&'a Sampled<SampledKey>>) -> Option<Candidate<'a>> {
    let (mut sequence, mut sealed) = (0, 0);
    for key in &keys {
        match key.place {
            Place::Sealed { revised: false, sequence: of_key, .. } => {
                (sequence, sealed) = (of_key, sealed + 1);
            }
            Place::Waiting { .. } => {}
            Place::Sealed { .. } | Place::Revising { .. } => return None,
        }
    }
    let report_type = keys.first()?.published.raw.report_type;
    (sealed > 0).then_some(Candidate { report_type, sequence, sealed, keys })
}
