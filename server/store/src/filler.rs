//! Filler: synthetic people among those whom a bundle carries when too few came. The contract between who draws them and who seals.
//!
//! **No row says which keys are filler.** Filler is written as uploads are, into the same tables, and is claimed by the very seal that wrote it. Only
//! who has the exporter's secret can tell it apart: identities follow from that secret and from what a bundle's [mark](FillerMark) holds. Every
//! bundle has a mark, and without the secret the mark of one without filler looks like any other. There is no count either: statistics say how many
//! people uploaded on a day, and a count by bundle would say at which hours.

use std::collections::HashMap;

use async_trait::async_trait;
use proto::bundle::{GaenEntry, TcnEntry};
use proto::{Feed, Timestamp};

use crate::error::StoreError;
use crate::keys::{AcceptedKey, AcceptedReport, Provenance, RawKey};
use crate::withdrawals::Identity;

/// What a bundle remembers of the filler that was drawn for its seal: bytes that look random to everybody but the exporter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FillerMark(pub [u8; Self::BYTES]);

impl FillerMark {
    /// How long a mark is.
    pub const BYTES: usize = 28;
}

impl Default for FillerMark {
    /// What stands where nobody who seals knows a secret.
    fn default() -> Self {
        Self([0; Self::BYTES])
    }
}

/// With the secret at hand it tells who is filler.
impl std::fmt::Debug for FillerMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FillerMark(..)")
    }
}

/// What may be released in a feed at a moment, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holds {
    /// The moment, by the store's clock.
    pub now: Timestamp,
    /// Ordinary publications.
    pub ordinary: u64,
    /// The smallest `release_at` among them.
    pub oldest: Option<Timestamp>,
    /// Revised publications.
    pub revised: u64,
    /// The smallest `release_at` among these.
    pub oldest_revised: Option<Timestamp>,
}

/// When filler is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldRules {
    /// With fewer ordinary publications a feed is held,
    pub minimum: u64,
    /// but the oldest of them no longer than so many seconds.
    pub max_hold: i64,
    /// With fewer revised publications these are held,
    pub revised_minimum: u64,
    /// but the oldest of them no longer than so many seconds.
    pub revised_hold: i64,
}

/// What a feed needs at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// People, until the minimum is reached.
    pub top_up: bool,
    /// Revisions of filler, until the minimum of revised publications is reached.
    pub revise: bool,
    /// People who can be revised later, beside those who come now.
    pub plant: bool,
}

impl Holds {
    /// What the rules ask for. Revised publications whose time has come take a bundle with them, whether or not anybody reported: they never
    /// leave alone.
    pub fn needs(&self, rules: &HoldRules) -> Needs {
        let over = |since: Option<Timestamp>, hold: i64| since.is_some_and(|since| since.plus(hold) <= self.now);
        let few = self.revised > 0 && self.revised < rules.revised_minimum;
        let revise = few && over(self.oldest_revised, rules.revised_hold);
        let enough = self.ordinary >= rules.minimum;
        let top_up = !enough && (revise || over(self.oldest, rules.max_hold));
        Needs { top_up, revise, plant: few && (enough || top_up) }
    }
}

impl Needs {
    /// Whether nothing is needed.
    pub const fn is_nothing(self) -> bool {
        !self.top_up && !self.revise && !self.plant
    }
}

/// What a seal may add. More is drawn than is needed, since what waits may change until the seal has its lock: the seal takes the first that fit.
#[derive(Clone)]
pub struct DrawnFiller {
    /// When it adds anything.
    pub rules: HoldRules,
    /// How many ordinary publications there shall be.
    pub target: u64,
    /// How many there may be at most: somebody with more keys than fit is passed by.
    pub most: u64,
    /// How many revised publications there shall be.
    pub revised_target: u64,
    /// People who can be revised later. All or none of them come.
    pub plants: Vec<FillerPerson>,
    /// People who make up for those who are missing.
    pub people: Vec<FillerPerson>,
    /// People who were published as filler, and what is said of them now.
    pub revisions: Vec<FillerRevision>,
}

/// Nothing of it belongs into a log.
impl std::fmt::Debug for DrawnFiller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DrawnFiller").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// A synthetic person.
#[derive(Clone)]
pub struct FillerPerson {
    /// What they upload.
    pub entries: FillerEntries,
    /// Where it goes, the feed that is sealed among them.
    pub feeds: Vec<Feed>,
    /// Where it came from.
    pub provenance: Provenance,
    /// The mark that recognises this person and all who were drawn before.
    pub mark: FillerMark,
}

/// What somebody uploads.
#[derive(Clone)]
pub enum FillerEntries {
    /// Keys.
    Keys(Vec<AcceptedKey>),
    /// Reports.
    Reports(Vec<AcceptedReport>),
}

/// What is said of one person's filler from now on.
#[derive(Clone)]
pub enum FillerRevision {
    /// It is revised like anybody's.
    Said {
        /// All of the person's keys, as they are now.
        keys: Vec<AcceptedKey>,
        /// The authority's policy now.
        policy_version: u32,
    },
    /// It is withdrawn.
    Withdrawn {
        /// All of the person's keys or reports.
        identities: Vec<Identity>,
        /// When that may be released.
        release_at: Timestamp,
    },
}

/// A publication, for who wants to know what people look like.
#[derive(Debug, Clone)]
pub struct Sampled<T> {
    /// What is published.
    pub published: T,
    /// Where it came from. It was received in that hour if nothing of it is sealed anywhere; of what waits otherwise it is the moment of its
    /// release, of what is sealed that of the seal.
    pub provenance: Provenance,
    /// Where it is published and where it waits, of what waits; empty for what is sealed.
    pub feeds: Vec<Feed>,
    /// Where it stands.
    pub place: Place,
}

/// Where a publication stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It waits, for the first time in this feed.
    Waiting {
        /// Whether nothing of it is sealed anywhere.
        fresh: bool,
        /// Until when.
        release_at: Timestamp,
    },
    /// A revision waits.
    Revising {
        /// Until when.
        release_at: Timestamp,
    },
    /// It is sealed.
    Sealed {
        /// In which bundle.
        sequence: u64,
        /// Where that bundle begins.
        start: Timestamp,
        /// Whether a revision of it is sealed or waits, anywhere.
        revised: bool,
    },
}

/// A key and what was said of it; its proof is not told.
#[derive(Debug, Clone, Copy)]
pub struct SampledKey {
    /// As it is published.
    pub entry: GaenEntry,
    /// What was said first.
    pub raw: RawKey,
}

/// What is asked of a feed's history.
#[derive(Debug, Clone, Copy)]
pub struct SampleBounds {
    /// Only bundles that were sealed since,
    pub since: Timestamp,
    /// the newest of them, as long as they hold at most so many entries together: whole bundles, because part of one would be of one class.
    pub limit: u64,
}

/// What who draws filler needs to know. What is taken for granted elsewhere holds here too: nothing of this belongs into a log.
#[async_trait]
pub trait Filler: Send + Sync {
    /// What may be released in a feed now, and since when.
    async fn holds(&self, feed: &Feed) -> Result<Holds, StoreError>;

    /// What waits in a feed of keys, revisions first, and ordinary publications of its newest bundles.
    async fn sampled_keys(&self, feed: &Feed, bounds: SampleBounds) -> Result<Vec<Sampled<SampledKey>>, StoreError>;

    /// The same of reports.
    async fn sampled_reports(&self, feed: &Feed, bounds: SampleBounds) -> Result<Vec<Sampled<TcnEntry>>, StoreError>;

    /// The marks of all bundles of all feeds, each once.
    async fn filler_marks(&self) -> Result<Vec<FillerMark>, StoreError>;
}

impl FillerPerson {
    /// How many of the entries may be released at a moment.
    pub fn ripe(&self, now: Timestamp) -> u64 {
        let ripe = |release_at: Timestamp| u64::from(release_at <= now);
        match &self.entries {
            FillerEntries::Keys(keys) => keys.iter().map(|key| ripe(key.release_at)).sum(),
            FillerEntries::Reports(reports) => reports.iter().map(|report| ripe(report.release_at)).sum(),
        }
    }
}

impl DrawnFiller {
    /// Who comes, in the order in which they were drawn, given what waits.
    pub(crate) fn who_comes(&self, holds: &Holds, needs: Needs) -> Vec<&FillerPerson> {
        let mut coming: Vec<_> = if needs.plant { self.plants.iter().collect() } else { Vec::new() };
        let mut there = holds.ordinary + coming.iter().map(|person| person.ripe(holds.now)).sum::<u64>();
        if needs.top_up {
            for person in &self.people {
                if there >= self.target {
                    break;
                }
                let ripe = person.ripe(holds.now);
                if ripe > 0 && there + ripe <= self.most {
                    coming.push(person);
                    there += ripe;
                }
            }
        }
        coming
    }
}

impl DrawnFiller {
    /// Whose revisions come, in the order in which they were drawn, given how many wait; `unrevised` are those that nobody revised, each with whether
    /// it is sealed in this feed. Nobody's if they do not suffice.
    pub(crate) fn who_is_revised(&self, waiting: u64, unrevised: &HashMap<Identity, bool>) -> Vec<&FillerRevision> {
        let (mut coming, mut there) = (Vec::new(), waiting);
        for revision in &self.revisions {
            if there >= self.revised_target {
                break;
            }
            let found: Option<Vec<bool>> = revision.identities().iter().map(|id| unrevised.get(id).copied()).collect();
            let Some(found) = found else { continue };
            there += found.into_iter().map(u64::from).sum::<u64>();
            coming.push(revision);
        }
        if there >= self.rules.revised_minimum { coming } else { Vec::new() }
    }
}

impl FillerRevision {
    /// Whose it is.
    pub(crate) fn identities(&self) -> Vec<Identity> {
        match self {
            Self::Said { keys, .. } => keys.iter().map(|key| key.published.key.data().to_vec()).collect(),
            Self::Withdrawn { identities, .. } => identities.clone(),
        }
    }
}

/// How far back whole bundles go that hold at most so many entries together, of bundles with their counts, newest first.
pub(crate) fn newest(bundles: impl IntoIterator<Item = (u64, u64)>, limit: u64) -> Option<u64> {
    let (mut oldest, mut entries) = (None, 0_u64);
    for (sequence, count) in bundles {
        entries = entries.saturating_add(count);
        if entries > limit {
            break;
        }
        oldest = Some(sequence);
    }
    oldest
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: HoldRules = HoldRules { minimum: 100, max_hold: 4, revised_minimum: 20, revised_hold: 24 };

    fn holds(ordinary: u64, waited: Option<i64>, revised: u64, revised_waited: Option<i64>) -> Holds {
        let now = Timestamp::from_unix(1_000);
        let since = |waited: Option<i64>| waited.map(|waited| now.plus(-waited));
        Holds { now, ordinary, oldest: since(waited), revised, oldest_revised: since(revised_waited) }
    }

    fn needs(ordinary: u64, waited: Option<i64>, revised: u64, revised_waited: Option<i64>) -> [bool; 3] {
        let needs = holds(ordinary, waited, revised, revised_waited).needs(&RULES);
        [needs.top_up, needs.revise, needs.plant]
    }

    #[test]
    fn a_feed_is_topped_up_once_its_oldest_has_waited_and_never_if_it_has_enough() {
        assert_eq!(needs(0, None, 0, None), [false; 3]);
        assert_eq!(needs(99, Some(3), 0, None), [false; 3]);
        assert_eq!(needs(99, Some(4), 0, None), [true, false, false]);
        assert_eq!(needs(100, Some(40), 0, None), [false; 3]);
    }

    #[test]
    fn few_revisions_plant_whoever_may_be_revised_and_leave_when_their_time_has_come() {
        assert_eq!(needs(99, Some(3), 5, Some(23)), [false; 3], "nothing is sealed");
        assert_eq!(needs(100, Some(3), 5, Some(23)), [false, false, true]);
        assert_eq!(needs(99, Some(4), 5, Some(23)), [true, false, true]);
        assert_eq!(needs(0, None, 5, Some(24)), [true, true, true], "even if nobody reported");
        assert_eq!(needs(100, Some(1), 5, Some(24)), [false, true, true]);
        assert_eq!(needs(100, Some(1), 20, Some(24)), [false; 3], "enough by themselves");
    }

    #[test]
    fn a_sample_is_whole_bundles() {
        let bundles = [(9, 100), (8, 50), (7, 1)];
        assert_eq!(newest(bundles, 99), None);
        assert_eq!(newest(bundles, 149), Some(9));
        assert_eq!(newest(bundles, 150), Some(8));
        assert_eq!(newest(bundles, 1_000), Some(7));
    }
}
