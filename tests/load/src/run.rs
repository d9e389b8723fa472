//! A whole run: ask whether it may be, load, wait, prove, and say what it came to.

use std::sync::Arc;
use std::time::Instant;

use client::Http;
use proto::Kind;
use rand::RngExt as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::actors::{Buster, Chaff, Desk, Guesser, Issuer, Poller, Relays, Shelf, Uploader, Vandal};
use crate::address::Addresses;
use crate::clock::{Clock, chance};
use crate::drive::{Actor, Driver};
use crate::error::LoadError;
use crate::guard;
use crate::ledger::Ledger;
use crate::live::Live;
use crate::plan::Plan;
use crate::proof::{Evidence, prove};
use crate::pulse;
use crate::record::Recorder;
use crate::results::{Results, Run};
use crate::schedule::{Schedule, Shape};
use crate::settings::{RunArgs, Target};
use crate::stop::Stop;
use crate::world::World;

/// The operations in the order in which they are shown.
const OPERATIONS: [&str; 20] = [
    "upload",
    "report",
    "issue",
    "batch_issue",
    "verify",
    "certificate",
    "publish",
    "reports",
    "poll",
    "index",
    "manifest",
    "bundle",
    "chaff",
    "chaff_verify",
    "chaff_certificate",
    "chaff_publish",
    "code",
    "guess",
    "bust",
    "malformed",
];

/// Those of them that are made of requests which stand beside them.
const JOURNEYS: [&str; 4] = ["upload", "report", "poll", "chaff"];

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
    let readers = connections()?;
    let shelves = target.feeds.clone().into_iter().map(|feed| Shelf::new(feed, target.cdn.clone(), readers.clone()));
    let cast = Cast { plan: &plan, seed, shelves: shelves.collect(), readers, relays };

    let started_at = Clock::ahead(0).now();
    let run = Run::new(plan.preset, plan.settings(seed), started_at).through_faults(plan.run.through_faults);
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
    let actors = cast.enter(&world, &driver).await;
    load(actors, (&driver, &plan.run), &mut interrupts).await;
    let mut results = recorder.results(run, Instant::now());
    for (operation, at_most) in &plan.run.limits {
        results = results.with_limit(operation, 99.0, *at_most);
    }
    if !plan.run.no_proof {
        live.phase("waiting until everything acknowledged is published");
        let until = Stop::at(Instant::now() + plan.run.publish_wait);
        let evidence = Evidence::gather(&world.ledger, &connections()?, &world.target);
        let proof = heeding(&mut interrupts, &until, prove(evidence, &until)).await;
        results = results.with_proof(proof);
    }
    live.finish();
    Ok(results)
}

/// Waits for all actors, and marks what plots point out.
async fn load(mut actors: JoinSet<()>, (driver, run): (&Driver, &RunArgs), interrupts: &mut UnboundedReceiver<()>) {
    let watched = tokio::spawn(pulse::watch(driver.clone()));
    heeding(interrupts, &driver.stop, async { while actors.join_next().await.is_some() {} }).await;
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
    let relays = Relays::find(http, target).await;
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
    async fn enter(self, world: &Arc<World>, driver: &Driver) -> JoinSet<()> {
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
        entering.go(rates.polls, Poller::new(shelves, rates.phones, recorder).await);
        entering.go(rates.chaff, Chaff { world: Arc::clone(world) });
        entering.go(rates.guesses, Guesser { world: Arc::clone(world) });
        let (cdn, http, shelves) = (world.target.cdn.clone(), self.readers.clone(), Arc::clone(&self.shelves));
        entering.go(rates.busts, Buster { cdn, http, shelves });
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
