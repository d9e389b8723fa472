//! A whole run: ask whether it may be, load, wait, prove, and say what it came to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{ClientError, Http};
use proto::Kind;
use rand::RngExt as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::actors::{Buster, Chaff, Desk, Guesser, Issuer, Phones, Poller, Relays, Shelf, Uploader, Vandal};
use crate::address::Addresses;
use crate::clock::{Clock, chance};
use crate::drive::{Actor, Driver};
use crate::error::LoadError;
use crate::guard;
use crate::ledger::Ledger;
use crate::live::Live;
use crate::operations::{JOURNEYS, OPERATIONS};
use crate::plan::Plan;
use crate::proof::{Evidence, prove};
use crate::pulse;
use crate::record::{Outcome, Recorder};
use crate::results::{Results, Run};
use crate::schedule::{Schedule, Shape};
use crate::settings::{RunArgs, Target};
use crate::stop::Stop;
use crate::world::World;

/// How long the gateways may take to tell their keys.
const PATIENCE: Duration = Duration::from_secs(60);

/// Loads what the plan names and says what came of it. The first interrupt ends the load early, the second one the waiting for what is published.
///
/// # Errors
/// [`LoadError`], and then nothing was loaded.
pub async fn run(plan: Plan, mut interrupts: UnboundedReceiver<()>) -> Result<Results, LoadError> {
    plan.run.check()?;
    let target = plan.target.resolve()?;
    let http = connections()?;
    guard::confirm(&http, &target).await?;
    let relays = relays(&plan, &http, &target).await?;
    let seed = plan.run.seed.unwrap_or_else(|| chance().random());
    // All connections are opened before the load: what fails later would cost its results.
    let (readers, provers) = (connections()?, connections()?);
    let shelves = target.feeds.clone().into_iter().map(|feed| Shelf::new(feed, target.cdn.clone(), readers.clone()));
    let shelves: Arc<[Shelf]> = shelves.collect();
    let polling = if plan.rates.polls > 0.0 { plan.rates.phones } else { 0 };
    let phones = Phones::that_have_polled(&shelves, polling).await;
    let settings = plan.settings(seed, relays.is_some(), &target);
    let cast = Cast { plan: &plan, seed, shelves, readers, relays };

    let started_at = Clock::ahead(0).now();
    let run = Run::new(plan.preset, settings, started_at).through_faults(plan.run.through_faults);
    let recorder = Recorder::new(Instant::now());
    recorder.list(&OPERATIONS);
    recorder.journeys(&JOURNEYS);
    let stop = Stop::at(recorder.started() + plan.run.duration);
    let world = World {
        target,
        http,
        recorder: recorder.clone(),
        ledger: Ledger::default(),
        addresses: Addresses::new(seed),
        stop: stop.clone(),
        through_faults: plan.run.through_faults,
    };
    let world = Arc::new(world);
    let live = Live::start(recorder.clone(), Some(plan.run.duration), "load");
    let driver =
        Driver { recorder: recorder.clone(), stop, at_once: plan.run.in_flight as usize, under_way: Arc::default() };
    let actors = cast.enter(&world, &driver, phones);
    load(actors, (&driver, &plan.run), &mut interrupts).await;
    let mut results = recorder.results(run, Instant::now());
    for (operation, at_most) in &plan.run.limits {
        results = results.with_limit(operation, 99.0, *at_most);
    }
    if !plan.run.no_proof {
        live.phase("waiting until everything acknowledged is published");
        let until = Stop::at(Instant::now() + plan.run.publish_wait);
        let evidence = Evidence::gather(&world.ledger, &provers, &world.target);
        let proof = heeding(&mut interrupts, &until, prove(evidence, &until, plan.run.settle)).await;
        results = results.with_proof(proof);
    }
    live.finish();
    Ok(results)
}

/// Waits for all actors, and marks what plots point out.
async fn load(mut actors: JoinSet<()>, (driver, run): (&Driver, &RunArgs), interrupts: &mut UnboundedReceiver<()>) {
    let watched = tokio::spawn(pulse::watch(driver.clone()));
    let all = async {
        while let Some(ended) = actors.join_next().await {
            if ended.is_err() {
                // A defect of this program, which must not look as if nobody had wanted to come.
                let now = Instant::now();
                driver.recorder.note("actor", now, now, Outcome::Failed("panicked"), 0);
            }
        }
    };
    heeding(interrupts, &driver.stop, all).await;
    watched.abort();
    let (recorder, planned) = (&driver.recorder, driver.recorder.started() + run.duration);
    let ended = driver.stop.moment();
    if !run.ramp.is_zero() {
        recorder.mark("the ramp is over", recorder.started() + run.ramp);
    }
    recorder.mark(if ended < planned { "interrupted" } else { "the schedule is over" }, ended);
}

/// Does something that ends by itself soon after `stop`, which an interrupt brings about.
async fn heeding<T>(interrupts: &mut UnboundedReceiver<()>, stop: &Stop, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        Some(()) = interrupts.recv() => stop.now(),
    }
    work.await
}

fn connections() -> Result<Http, LoadError> {
    Http::new().map_err(|source| LoadError::Deployment { what: "connections", source })
}

/// The gateways, if anything is to be relayed and they are there.
async fn relays(plan: &Plan, http: &Http, target: &Target) -> Result<Option<Relays>, LoadError> {
    if plan.rates.relayed == 0.0 {
        return Ok(None);
    }
    let relays = timeout(PATIENCE, Relays::find(http, target)).await;
    let relays = relays.unwrap_or_else(|_| Err(ClientError::Unreachable("timed out".to_owned())));
    let relays = relays.map_err(|source| LoadError::Deployment { what: "the keys of the gateways", source })?;
    if relays.is_none() && plan.must_relay {
        return Err(LoadError::setting("--relayed", "must be 0 where verification or server has no gateway"));
    }
    Ok(relays)
}

/// Who acts in a run.
struct Cast<'a> {
    plan: &'a Plan,
    seed: u64,
    shelves: Arc<[Shelf]>,
    readers: Http,
    relays: Option<Relays>,
}

impl Cast<'_> {
    /// Sets everybody going who has something to do.
    fn enter(self, world: &Arc<World>, driver: &Driver, phones: Phones) -> JoinSet<()> {
        let (rates, mut entering) =
            (self.plan.rates, Entering { cast: &self, driver, tasks: JoinSet::new(), stream: 0 });
        let desk = || Arc::new(Desk::new(Arc::clone(world), self.plan.run.batch as usize));
        let uploaders_desk = desk();
        for (kind, rate) in [(Kind::Gaen, rates.uploads), (Kind::Tcn, rates.reports)] {
            let (world, desk, relays) = (Arc::clone(world), Arc::clone(&uploaders_desk), self.relays.clone());
            entering.go(rate, Uploader { world, desk, kind, relayed: rates.relayed, relays });
        }
        entering.go(rates.codes, Issuer { desk: desk() });
        let (shelves, recorder) = (Arc::clone(&self.shelves), driver.recorder.clone());
        let addresses = world.addresses;
        entering.go(rates.polls, Poller { shelves, phones, recorder, addresses });
        entering.go(rates.chaff, Chaff { world: Arc::clone(world) });
        entering.go(rates.guesses, Guesser { world: Arc::clone(world) });
        let (cdn, http, shelves) = (world.target.cdn.clone(), self.readers.clone(), Arc::clone(&self.shelves));
        entering.go(rates.busts, Buster { cdn, http, shelves, addresses });
        entering.go(rates.malformed, Vandal { world: Arc::clone(world) });
        entering.tasks
    }
}

/// Actors on their way in. Each has a stream of chance of its own, always the same.
struct Entering<'a> {
    cast: &'a Cast<'a>,
    driver: &'a Driver,
    tasks: JoinSet<()>,
    stream: u64,
}

impl Entering<'_> {
    fn go<A: Actor>(&mut self, per_second: f64, actor: A) {
        self.stream += 1;
        if per_second > 0.0 {
            let run = &self.cast.plan.run;
            let shape = Shape { per_second, ramp: run.ramp, duration: run.duration };
            let schedule = Schedule::new(shape, run.arrivals, (self.cast.seed, self.stream));
            self.tasks.spawn(self.driver.clone().run(Arc::new(actor), schedule));
        }
    }
}
