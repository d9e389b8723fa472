//! People with numbers, each with an upload that is like those of somebody who waits.

use proto::{Malformed, Timestamp};
use rand::{CryptoRng, RngExt};
use store::{AcceptedReport, FillerEntries, FillerPerson, Provenance, report_release_at};

use super::person::Person;
use super::reports::{ReportShapes, draw_report};
use super::source::{Source, received_before};
use super::task::Task;

/// How often somebody is drawn in vain, at most, before it is clear that nobody will come.
const VAIN: u32 = 1_000;

/// People with numbers, one after the other.
pub(super) struct People<'a> {
    /// What they are drawn for.
    pub(super) task: &'a Task<'a>,
    /// The number of the next one.
    pub(super) number: u32,
}

impl People<'_> {
    /// Draws people until so many of their keys may be released.
    pub(super) fn draw<R: CryptoRng>(
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
    pub(super) fn reports(
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
