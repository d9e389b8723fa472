//! Drawing what a seal may add.

use proto::bundle::TcnEntry;
use proto::{Kind, Malformed};
use rand::{CryptoRng, RngExt};
use store::{
    DrawnFiller, FillerMark, FillerPerson, FillerRevision, HoldRules, LISTED_FOR, Place, SampleBounds, Sampled,
    SampledKey,
};

use super::crowd::Crowd;
use super::history::{known_keys, known_reports};
use super::people::People;
use super::person::Person;
use super::reports::ReportShapes;
use super::revisions::Candidates;
use super::secret::{FillerSecret, FillerSeed, blank};
use super::source::{Source, sources};
use super::target::{MOST_KEYS, Target, target};
use super::task::Task;
use crate::error::ExportError;
use crate::pass::Pass;
use crate::policy::Policy;

/// How many publications are looked at: far more than it takes to know what people look like.
const SAMPLE: u64 = 50_000;
/// How many more entries are drawn than are aimed at, so that whoever fits into the last gap is among them.
const SPARE: u64 = 100;

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
    let task =
        Task { secret, seed: FillerSeed::draw(rng), rules, jitter: policy.jitter, holds, needs, feed: pass.feed };
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

impl Task<'_> {
    fn keys(
        &self,
        marks: &[FillerMark],
        sampled: &[Sampled<SampledKey>],
        rng: &mut impl CryptoRng,
    ) -> Result<DrawnFiller, Malformed> {
        let known = known_keys(self.secret, marks);
        let is_filler = |one: &Sampled<SampledKey>| known.contains_key(one.published.entry.key.data());
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
        let revisions = if self.needs.revise { candidates.revise(2 * missing, rng) } else { Vec::new() };
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
        while self.needs.revise
            && !waiting.is_empty()
            && !candidates.is_empty()
            && (revisions.len() as u64) < 2 * missing
        {
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
}
