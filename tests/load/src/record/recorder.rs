//! The one place that all tasks of a run write to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::gauge::Gauge;
use super::glance::Glance;
use super::outcome::{Moments, Outcome, Times};
use super::spread::{Spread, round};
use super::tally::Tally;
use super::timeline::Timeline;
use crate::results::{FORMAT, GaugeSeries, Mark, Results, Run, Series, Verdict};

/// How far back [`Recorder::glance`] looks.
const LATELY: Duration = Duration::from_secs(5);

/// How many marks are kept: more would not be readable in a plot.
const MOST_MARKS: usize = 200;

/// Records a run. Clones are one; hundreds of thousands of notes a second from any number of tasks do not hold each other up, because
/// each operation has a lock of its own, under which nothing waits.
///
/// **Resolution and memory.** Over the whole run latencies keep three significant digits of their microseconds. Along the time there are
/// slots of a second for the first hour; a run that gets longer has slots of ten seconds, after ten hours of a minute, after sixty of ten
/// minutes, so that there are never more than 3,600. In a slot, percentiles are at most 3.2 % too high. An operation needs at most 0.7 MB
/// and some 0.5 KB a slot: ten of them 25 MB, however long the run is.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

/// The operations by name.
type Known = Vec<(&'static str, Arc<Mutex<Tally>>)>;

struct Shared {
    started: Instant,
    /// In order of appearance. Written only when an operation is met for the first time.
    operations: RwLock<Known>,
    gauges: Mutex<Vec<(&'static str, Timeline<Gauge>)>>,
    marks: Mutex<Vec<Mark>>,
}

impl Recorder {
    /// Begins to record a run whose schedule began at `started`.
    pub fn new(started: Instant) -> Self {
        let (operations, gauges, marks) = (RwLock::default(), Mutex::default(), Mutex::default());
        Self { shared: Arc::new(Shared { started, operations, gauges, marks }) }
    }

    /// When the schedule of this run began.
    pub fn started(&self) -> Instant {
        self.shared.started
    }

    /// Makes operations known in the order in which they will be shown. Others follow as they appear; those that never occur are left out.
    pub fn list(&self, operations: &[&'static str]) {
        for operation in operations {
            self.tally(operation);
        }
    }

    /// Says that these operations are journeys, whose requests are noted as operations of their own: they are shown, and count among no
    /// requests.
    pub fn journeys(&self, operations: &[&'static str]) {
        for operation in operations {
            lock(&self.tally(operation)).are_journeys();
        }
    }

    /// Counts a request that the schedule hands out, before it is sent. Whoever calls this for a request must [note](Self::note) it in the
    /// end, whatever becomes of it: what is missing then counts as unfinished, which is an error. Steps that follow from an
    /// answer and not from the schedule are noted alone; what was asked for is unknown for them.
    pub fn due(&self, operation: &'static str, intended: Instant) {
        lock(&self.tally(operation)).due(self.since_start(intended));
    }

    /// Takes in an answer. Its latency counts from `intended`, the time that the schedule gave the request, and not from when it was sent.
    /// `bytes` are those of the answer's body.
    pub fn note(&self, operation: &'static str, intended: Instant, ended: Instant, outcome: Outcome, bytes: u64) {
        let (intended, ended) = (self.since_start(intended), self.since_start(ended));
        let moments = Moments { intended, began: None, no_room: Duration::ZERO, ended };
        lock(&self.tally(operation)).note(moments, outcome, bytes);
    }

    /// The same with the moment at which the request was really sent: then the report also says what the deployment took by itself, and
    /// how long requests waited for the load machine.
    pub fn note_begun(&self, operation: &'static str, times: Times, outcome: Outcome, bytes: u64) {
        let Times { intended, began, no_room, ended } = times;
        let [intended, began, ended] = [intended, began, ended].map(|moment| self.since_start(moment));
        let moments = Moments { intended, began: Some(began), no_room, ended };
        lock(&self.tally(operation)).note(moments, outcome, bytes);
    }

    /// Tells the value of a gauge now. The name carries its unit (`in_flight_requests`, `memory_bytes`); a few times a second is enough.
    pub fn gauge(&self, name: &'static str, value: f64, now: Instant) {
        let mut gauges = lock(&self.shared.gauges);
        let known = gauges.iter().position(|(known, _)| *known == name);
        let at = known.unwrap_or_else(|| {
            gauges.push((name, Timeline::default()));
            gauges.len() - 1
        });
        gauges[at].1.at(self.since_start(now)).add(value);
    }

    /// Marks a moment in the plots: `the ramp is over`. Only the first 200 are kept.
    pub fn mark(&self, what: &str, at: Instant) {
        let mut marks = lock(&self.shared.marks);
        if marks.len() < MOST_MARKS {
            marks.push(Mark { at_seconds: round(self.since_start(at).as_secs_f64()), what: what.to_owned() });
        }
    }

    /// How the run looks at this moment. Cheap enough for several times a second.
    pub fn glance(&self, now: Instant) -> Glance {
        let (mut glance, from) = (Glance::default(), self.since_start(now).saturating_sub(LATELY));
        for (name, tally) in self.tallies() {
            let mut lately = Spread::default();
            let counts = {
                let tally = lock(&tally);
                tally.since(from).iter().for_each(|slot| lately.absorb(&slot.latency));
                tally.counts()
            };
            let (asked, ended, failed) = counts;
            glance.asked += asked;
            glance.reached += ended.min(asked);
            glance.ended += ended;
            glance.failed += failed;
            if let Some(p99) =
                lately.percentile_ms(99.0).filter(|p99| glance.slowest.is_none_or(|(_, most)| *p99 > most))
            {
                glance.slowest = Some((name, p99));
            }
        }
        glance
    }

    /// The bytes that the record occupies, near enough.
    pub fn bytes_held(&self) -> usize {
        let tallies = self.tallies();
        let gauges = lock(&self.shared.gauges);
        let gauges = gauges.iter().map(|(_, timeline)| size_of_val(timeline.slots()));
        tallies.iter().map(|(_, tally)| lock(tally).bytes_held()).chain(gauges).sum()
    }

    /// The results of the run so far, without proof and limits: give them to [`Results::with_proof`] and [`Results::with_limit`].
    pub fn results(&self, run: Run, now: Instant) -> Results {
        // A copy of each, so that nobody waits while it is evaluated.
        let tallies = self.tallies().into_iter().map(|(name, tally)| (name, lock(&tally).clone()));
        let tallies: Vec<(&str, Tally)> = tallies.filter(|(_, tally)| tally.counts() != (0, 0, 0)).collect();
        let gauges = lock(&self.shared.gauges).clone();
        let results = Results {
            format: FORMAT.to_owned(),
            run,
            seconds: round(self.since_start(now).as_secs_f64()),
            verdict: Verdict::default(),
            proof: None,
            limits: Vec::new(),
            operations: tallies.iter().map(|(name, tally)| tally.figures(name)).collect(),
            series: series(&tallies, gauges),
            marks: lock(&self.shared.marks).clone(),
        };
        results.judged()
    }

    fn since_start(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.shared.started)
    }

    fn tallies(&self) -> Known {
        self.shared.operations.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tally(&self, operation: &'static str) -> Arc<Mutex<Tally>> {
        let known = self.shared.operations.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tally) = find(&known, operation) {
            return tally;
        }
        drop(known);
        let mut known = self.shared.operations.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have been quicker between the two locks.
        find(&known, operation).unwrap_or_else(|| {
            let tally: Arc<Mutex<Tally>> = Arc::default();
            known.push((operation, Arc::clone(&tally)));
            tally
        })
    }
}

fn find(known: &Known, operation: &str) -> Option<Arc<Mutex<Tally>>> {
    known.iter().find(|(name, _)| *name == operation).map(|(_, tally)| Arc::clone(tally))
}

/// All timelines in the slots of the coarsest of them.
fn series(tallies: &[(&str, Tally)], mut gauges: Vec<(&'static str, Timeline<Gauge>)>) -> Series {
    let seconds = tallies.iter().map(|(_, tally)| tally.resolution().0);
    let seconds = seconds.chain(gauges.iter().map(|(_, gauge)| gauge.seconds())).max().unwrap_or(1);
    let points = |(length, slots): (u32, usize)| (length as usize * slots).div_ceil(seconds as usize);
    gauges.iter_mut().for_each(|(_, gauge)| gauge.coarsen_to(seconds));
    let of_gauges = gauges.iter().map(|(_, gauge)| gauge.slots().len());
    let points = tallies.iter().map(|(_, tally)| points(tally.resolution())).chain(of_gauges).max().unwrap_or(0);
    let gauges = gauges.iter().map(|(name, gauge)| {
        let at = |of: fn(&Gauge) -> Option<f64>| (0..points).map(|at| gauge.slots().get(at).and_then(of)).collect();
        GaugeSeries { name: (*name).to_owned(), mean: at(Gauge::mean), max: at(Gauge::highest) }
    });
    let operations = tallies.iter().map(|(name, tally)| tally.series(name, seconds, points)).collect();
    Series { seconds_per_point: seconds, points, operations, gauges: gauges.collect() }
}

/// A task that panicked leaves counts behind that are still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
