//! Drawing what a seal may add.

use std::collections::HashMap;

use proto::bundle::TcnEntry;
use proto::{Feed, Interval, Kind, Malformed, Timestamp};
use rand::{CryptoRng, RngExt};
use store::{
    AcceptedReport, DrawnFiller, FillerEntries, FillerMark, FillerPerson, FillerRevision, HoldRules, Holds, LISTED_FOR,
    Needs, Place, Provenance, RELEASE_GRAIN, SampleBounds, Sampled, release_at, report_release_at,
};

use super::history::{known_keys, known_reports};
use super::person::Person;
use super::reports::{ReportShapes, draw_report};
use super::revisions::Candidates;
use super::sample::{Observed, observe};
use super::secret::{FillerSecret, FillerSeed, blank};
use super::shapes::Shapes;
use super::target::{MOST_KEYS, Target, target};
use super::prior;
use crate::error::ExportError;
use crate::pass::Pass;
use crate::policy::Policy;

/// How many publications are looked at: far more than it takes to know what people look like.
const SAMPLE: u64 = 50_000;
/// How many more entries are drawn than are aimed at, so that whoever fits into the last gap is among them.
const SPARE: u64 = 100;
/// How often somebody is drawn in vain, at most, before it is clear that nobody will come.
const VAIN: u32 = 1_000;

/// What a seal may add to a feed now, and what its bundles are marked with if it adds nothing. Nothing is drawn unless it is needed, and nothing without
/// a secret: then who is few is held.
pub(crate) async fn draw(
    pass: &Pass<'_>,
    secret: Option<&FillerSecret>,
    policy: &Policy,
    rng: &mut (impl CryptoRng + Send),
) -> Result<(Option<DrawnFiller>, FillerMark), ExportError> {
    let Some(secret) = secret else { return Ok((None, blank(rng))) };
    let unused = secret.mark(FillerSeed::draw(rng), 0);
    let rules = rules(policy);
    let holds = pass.store.holds(pass.feed).await?;
    let needs = holds.needs(&rules);
    if needs.is_nothing() {
        return Ok((None, unused));
    }
    let bounds = SampleBounds { since: holds.now.plus(-LISTED_FOR), limit: SAMPLE };
    let marks = pass.store.filler_marks().await?;
    let task = Task { secret, seed: FillerSeed::draw(rng), rules, jitter: policy.jitter, holds, needs, feed: pass.feed };
    let drawn = match pass.feed.kind {
        Kind::Gaen => task.keys(&marks, &pass.store.sampled_keys(pass.feed, bounds).await?, rng),
        Kind::Tcn => task.reports(&marks, &pass.store.sampled_reports(pass.feed, bounds).await?, rng),
    };
    let drawn = drawn.map_err(|why| ExportError::Corrupt(format!("{}: filler: {why}", pass.feed)))?;
    Ok((Some(drawn), unused))
}

fn rules(policy: &Policy) -> HoldRules {
    let seconds = |hold: std::time::Duration| i64::try_from(hold.as_secs()).unwrap_or(i64::MAX);
    HoldRules {
        minimum: policy.minimum.into(),
        max_hold: seconds(policy.max_hold),
        revised_minimum: policy.revised_minimum.into(),
        revised_hold: seconds(policy.revised_hold),
    }
}

/// One draw.
struct Task<'a> {
    secret: &'a FillerSecret,
    seed: FillerSeed,
    rules: HoldRules,
    jitter: u8,
    holds: Holds,
    needs: Needs,
    feed: &'a Feed,
}

/// Whose uploads those of filler are like.
#[derive(Clone, Copy)]
struct Source<'a> {
    provenance: &'a Provenance,
    /// Where they go.
    feeds: &'a [Feed],
    /// When they may be released, if that follows from when they came.
    release_at: Option<Timestamp>,
}

impl Task<'_> {
    fn keys(
        &self,
        marks: &[FillerMark],
        sampled: &[Sampled<store::SampledKey>],
        rng: &mut impl CryptoRng,
    ) -> Result<DrawnFiller, Malformed> {
        let known = known_keys(self.secret, marks);
        let is_filler = |one: &Sampled<store::SampledKey>| known.contains_key(one.published.entry.key.data());
        let sources = sources(sampled, is_filler, |one| Some(one.entry.key.validity_end()));
        let real: Vec<_> = sampled.iter().filter(|one| !is_filler(one)).collect();
        // Where nobody but filler was published lately, filler is what people look like.
        let seen = if real.is_empty() { sampled.iter().collect() } else { real };
        let crowd = Crowd::new(&seen);

        let candidates = Candidates::find(sampled, &known);
        let aim = target(self.rules.minimum, self.jitter, MOST_KEYS, rng);
        let revised = target(self.rules.revised_minimum, self.jitter, 1, rng);
        let types = candidates.report_types();
        let missing = revised.target.saturating_sub(self.holds.revised);
        let mut people = People { task: self, number: 0 };
        let plants = match (self.needs.plant, missing.saturating_sub(candidates.available())) {
            (true, wanted @ 1..) => people.draw(wanted, &sources, rng, |source, received, rng| {
                let report_type = *types.get(rng.random_range(0..types.len().max(1)))?;
                crowd.of(source).only(report_type).and_then(|shapes| Person::draw(&shapes, received, rng))
            })?,
            _ => Vec::new(),
        };
        let mut topping = Vec::new();
        if self.needs.top_up {
            let whole = |source: Source<'_>, received, rng: &mut _| Person::draw(crowd.of(source), received, rng);
            topping = people.draw(aim.target + SPARE, &sources, rng, whole)?;
            let now = self.holds.now;
            topping.extend(people.draw(MOST_KEYS, &sources, rng, |source, received, rng| {
                Person::draw(crowd.of(source), received, rng)?.alone(now)
            })?);
        }
        let revisions =
            if self.needs.revise { candidates.revise(2 * missing, rng) } else { Vec::new() };
        Ok(self.drawn(aim, revised, (plants, topping, revisions)))
    }

    fn reports(
        &self,
        marks: &[FillerMark],
        sampled: &[Sampled<TcnEntry>],
        rng: &mut impl CryptoRng,
    ) -> Result<DrawnFiller, Malformed> {
        let known = known_reports(self.secret, marks);
        let is_filler = |one: &Sampled<TcnEntry>| known.contains_key(one.published.report.verification_key());
        let sources = sources(sampled, is_filler, |_| None);
        let ordinary = |one: &&Sampled<TcnEntry>| !matches!(one.place, Place::Revising { .. });
        let seen = |filler: bool| {
            let seen = sampled.iter().filter(|one| is_filler(one) == filler);
            seen.filter(ordinary).map(|one| &one.published).collect::<Vec<_>>()
        };
        let real = seen(false);
        let seen = if real.is_empty() { seen(true) } else { real };
        let aim = target(self.rules.minimum, self.jitter, 1, rng);
        let revised = target(self.rules.revised_minimum, self.jitter, 1, rng);
        let missing = revised.target.saturating_sub(self.holds.revised);
        // A withdrawn report is known by its digest alone: whichever else is withdrawn beside it will do.
        let unrevised = sampled.iter().filter(|one| matches!(one.place, Place::Sealed { revised: false, .. }));
        let mut candidates: Vec<_> = unrevised.filter(|one| is_filler(one)).collect();
        let mut people = People { task: self, number: 0 };
        let (mut plants, mut topping) = (Vec::new(), Vec::new());
        if let Some(shapes) = ReportShapes::learn(&seen) {
            if self.needs.plant {
                plants = people.reports(missing.saturating_sub(candidates.len() as u64), &sources, &shapes, rng)?;
            }
            if self.needs.top_up {
                topping = people.reports(aim.target + SPARE, &sources, &shapes, rng)?;
            }
        }
        let waiting = sampled.iter().filter_map(|one| match one.place {
            Place::Revising { release_at } => Some(release_at),
            Place::Waiting { .. } | Place::Sealed { .. } => None,
        });
        let (waiting, mut revisions) = (waiting.collect::<Vec<_>>(), Vec::new());
        while self.needs.revise && !waiting.is_empty() && !candidates.is_empty() && (revisions.len() as u64) < 2 * missing {
            let one = candidates.swap_remove(rng.random_range(0..candidates.len()));
            let identities = vec![one.published.report.verification_key().to_vec()];
            let release_at = waiting[rng.random_range(0..waiting.len())];
            revisions.push(FillerRevision::Withdrawn { identities, release_at });
        }
        Ok(self.drawn(aim, revised, (plants, topping, revisions)))
    }

    fn drawn(
        &self,
        aim: Target,
        revised: Target,
        (plants, people, revisions): (Vec<FillerPerson>, Vec<FillerPerson>, Vec<FillerRevision>),
    ) -> DrawnFiller {
        let (rules, target, most, revised_target) = (self.rules, aim.target, aim.most, revised.target);
        DrawnFiller { rules, target, most, revised_target, plants, people, revisions }
    }

    /// A moment at which somebody may have come, since the oldest that waits did: what comes then may be released now.
    fn lately(&self, rng: &mut impl CryptoRng) -> Timestamp {
        let last = self.holds.now.floor(RELEASE_GRAIN);
        let first = self.holds.oldest.unwrap_or(last.plus(-self.rules.max_hold)).plus(1 - RELEASE_GRAIN);
        Timestamp::from_unix(rng.random_range(first.min(last).unix()..=last.unix()))
    }
}

/// A moment at which somebody came whose upload may be released then.
pub(super) fn received_before(release_at: Timestamp, rng: &mut impl CryptoRng) -> Timestamp {
    release_at.plus(-rng.random_range(1..RELEASE_GRAIN))
}

/// Those who wait; filler counts only where nobody else waits. Of a key, `validity_end` tells whether it waits for that or since it came.
fn sources<T>(
    sampled: &[Sampled<T>],
    is_filler: impl Fn(&Sampled<T>) -> bool,
    validity_end: impl Fn(&T) -> Option<Interval>,
) -> Vec<Source<'_>> {
    let ranks: [&dyn Fn(&Sampled<T>) -> bool; 3] = [
        &|one| matches!(one.place, Place::Waiting { .. }) && !is_filler(one),
        &|one| matches!(one.place, Place::Waiting { .. }),
        &|one| matches!(one.place, Place::Revising { .. }),
    ];
    let of_rank = |rank: &dyn Fn(&Sampled<T>) -> bool| {
        let these = sampled.iter().filter(|one| rank(one));
        these.map(|one| Source::of(one, validity_end(&one.published))).collect::<Vec<_>>()
    };
    ranks.into_iter().map(of_rank).find(|found| !found.is_empty()).unwrap_or_default()
}

impl<'a> Source<'a> {
    /// Until when a key waits says nothing of when somebody came if it had to wait for its end anyway.
    fn of<T>(one: &'a Sampled<T>, validity_end: Option<Interval>) -> Self {
        let earliest = validity_end.map(release_at_earliest);
        let release_at = match one.place {
            Place::Waiting { release_at, .. } => Some(release_at),
            Place::Revising { .. } | Place::Sealed { .. } => None,
        };
        let release_at = release_at.filter(|release_at| earliest.is_none_or(|earliest| *release_at > earliest));
        Self { provenance: &one.provenance, feeds: &one.feeds, release_at }
    }
}

/// When a key may be released that somebody uploads long before its end.
fn release_at_earliest(validity_end: Interval) -> Timestamp {
    release_at(validity_end, Timestamp::from_unix(0))
}

/// What people look like, authority by authority, where enough is known of one; their apps differ.
struct Crowd<'a> {
    seen: Vec<(&'a str, Observed)>,
    all: Shapes,
    of: HashMap<&'a str, Shapes>,
}

impl<'a> Crowd<'a> {
    fn new(sampled: &[&'a Sampled<store::SampledKey>]) -> Self {
        let seen = sampled.iter().filter_map(|one| Some((one.provenance.authority.as_str(), observe(one)?)));
        let seen: Vec<(&str, Observed)> = seen.collect();
        let all = Shapes::learn(&seen.iter().map(|(_, key)| *key).collect::<Vec<_>>());
        let mut crowd = Self { seen, all, of: HashMap::new() };
        let authorities: Vec<_> = crowd.seen.iter().map(|(authority, _)| *authority).collect();
        for authority in authorities {
            if !crowd.of.contains_key(authority) {
                crowd.learn(authority);
            }
        }
        crowd
    }

    fn learn(&mut self, authority: &'a str) {
        let own: Vec<_> = self.seen.iter().filter(|(of, _)| *of == authority).map(|(_, key)| *key).collect();
        let few = own.len() < prior::FEW_KEYS;
        self.of.insert(authority, if few { self.all.clone() } else { Shapes::learn(&own) });
    }

    fn of(&self, source: Source<'_>) -> &Shapes {
        self.of.get(source.provenance.authority.as_str()).unwrap_or(&self.all)
    }
}

/// People with numbers, one after the other.
struct People<'a> {
    task: &'a Task<'a>,
    number: u32,
}

impl People<'_> {
    /// Draws people until so many of their keys may be released.
    fn draw<R: CryptoRng>(
        &mut self,
        wanted: u64,
        sources: &[Source<'_>],
        rng: &mut R,
        mut somebody: impl FnMut(Source<'_>, Timestamp, &mut R) -> Option<Person>,
    ) -> Result<Vec<FillerPerson>, Malformed> {
        let (mut people, mut there, mut vain) = (Vec::new(), 0, 0);
        while there < wanted && vain < VAIN && !sources.is_empty() {
            let (source, received) = self.upload(sources, rng);
            vain += 1;
            let Some(person) = somebody(source, received, rng) else { continue };
            let (secret, seed, number) = (self.task.secret, self.task.seed, self.number);
            let keys = person.accepted(|slot| secret.key(seed, number, slot), rng)?;
            let person = self.person(FillerEntries::Keys(keys), source, received);
            let ripe = person.ripe(self.task.holds.now);
            if ripe > 0 {
                (there, vain) = (there + ripe, 0);
                people.push(person);
                self.number += 1;
            }
        }
        Ok(people)
    }

    /// Draws so many reports.
    fn reports(
        &mut self,
        wanted: u64,
        sources: &[Source<'_>],
        shapes: &ReportShapes<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<FillerPerson>, Malformed> {
        let mut people = Vec::new();
        while (people.len() as u64) < wanted && !sources.is_empty() {
            let (source, received) = self.upload(sources, rng);
            let published = draw_report(shapes, *self.task.secret.report(self.task.seed, self.number), rng)?;
            let report = AcceptedReport { published, release_at: report_release_at(received) };
            people.push(self.person(FillerEntries::Reports(vec![report]), source, received));
            self.number += 1;
        }
        Ok(people)
    }

    /// Whose upload somebody's is like, and when it comes: in the same quarter of an hour. What waits in other feeds, and until when, shows that to
    /// whoever has a copy of the database, and the oldest of all are people.
    fn upload<'s>(&self, sources: &[Source<'s>], rng: &mut impl CryptoRng) -> (Source<'s>, Timestamp) {
        let source = sources[rng.random_range(0..sources.len())];
        let ripe = source.release_at.filter(|release_at| *release_at <= self.task.holds.now);
        let received = match ripe {
            Some(release_at) => received_before(release_at, rng),
            None => self.task.lately(rng),
        };
        (source, received)
    }

    fn person(&self, entries: FillerEntries, like: Source<'_>, received: Timestamp) -> FillerPerson {
        let mark = self.task.secret.mark(self.task.seed, self.number + 1);
        let mut feeds = like.feeds.to_vec();
        if !feeds.contains(self.task.feed) {
            feeds.push(self.task.feed.clone());
        }
        FillerPerson { entries, feeds, provenance: Provenance { received, ..like.provenance.clone() }, mark }
    }
}
