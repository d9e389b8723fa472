//! The open loop: begins what the schedule says when it says so, whether or not what began before has ended.
//!
//! A closed loop, in which each client waits for its answer before it sends again, slows down with the service that it measures and never sees
//! those who would have come meanwhile. Here everybody comes at their own time, and their latency counts from then on. Only so many are
//! under way at once, so that a service that has stopped does not fill this machine's memory; who finds no room waits for it, with the clock running, and
//! who has found none when all is over has failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::record::{Outcome, Recorder, Times};
use crate::schedule::Schedule;
use crate::stop::Stop;

/// How long what is under way may take once the schedule is over: longer than any single request may be silent.
pub(crate) const GRACE: Duration = Duration::from_secs(60);

/// How an arrival ended, and how many bytes came with it.
pub(crate) type Ended = (Outcome, u64);

/// Somebody who does something each time that the schedule says so.
pub(crate) trait Actor: Send + Sync + 'static {
    /// What the arrivals are called in the results.
    fn operation(&self) -> &'static str;

    /// Does it for the `turn`th time, counted from 0.
    fn act(&self, turn: u64) -> impl Future<Output = Ended> + Send;
}

/// What drives every actor of a run.
#[derive(Clone)]
pub(crate) struct Driver {
    /// Where everything is noted; it knows when the run began.
    pub(crate) recorder: Recorder,
    /// When the schedule is over.
    pub(crate) stop: Stop,
    /// How many arrivals of one actor may be under way at once.
    pub(crate) at_once: usize,
    /// How many of all actors are under way now.
    pub(crate) under_way: Arc<AtomicU64>,
}

impl Driver {
    /// Runs one actor to the end of its schedule, and waits for what is under way then, [`GRACE`] at most.
    pub(crate) async fn run<A: Actor>(self, actor: Arc<A>, schedule: Schedule) {
        let (room, mut tasks) = (Arc::new(Semaphore::new(self.at_once)), JoinSet::new());
        let operation = actor.operation();
        let mut turns = (0..).zip(schedule.map(|offset| self.recorder.started() + offset));
        let mut turned_away = None;
        // When somebody who had found no room was let in.
        let mut let_in = self.recorder.started();
        for (turn, intended) in turns.by_ref() {
            if !self.stop.or(intended).await {
                turned_away = Some(intended);
                break;
            }
            self.recorder.due(operation, intended);
            while tasks.try_join_next().is_some() {}
            // Whoever came while others waited for room has waited for it with them.
            let mut no_room = let_in.saturating_duration_since(intended);
            let permit = match Arc::clone(&room).try_acquire_owned() {
                Ok(permit) => permit,
                Err(_) => {
                    let asked = Instant::now();
                    tokio::select! {
                        biased;
                        () = self.overdue() => {
                            self.note_not_started(operation, intended);
                            break;
                        }
                        permit = Arc::clone(&room).acquire_owned() => {
                            let_in = Instant::now();
                            no_room += let_in - asked;
                            permit.expect("it is never closed")
                        }
                    }
                }
            };
            let (driver, actor) = (self.clone(), Arc::clone(&actor));
            tasks.spawn(async move {
                driver.one_turn(&*actor, turn, (intended, no_room)).await;
                drop(permit);
            });
        }
        // Whoever was due before the end and has not been let in by now is no less a victim than those who were let in late.
        let due = turned_away.into_iter().chain(turns.map(|(_, intended)| intended));
        for intended in due.take_while(|intended| *intended < self.stop.moment()) {
            self.recorder.due(operation, intended);
            self.note_not_started(operation, intended);
        }
        self.finish(tasks).await;
    }

    async fn one_turn<A: Actor>(&self, actor: &A, turn: u64, (intended, no_room): (Instant, Duration)) {
        let began = Instant::now();
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let (outcome, bytes) = actor.act(turn).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        let times = Times { intended, began, no_room, ended: Instant::now() };
        self.recorder.note_begun(actor.operation(), times, outcome, bytes);
    }

    fn note_not_started(&self, operation: &'static str, intended: Instant) {
        self.recorder.note(operation, intended, Instant::now(), Outcome::Failed("not_started"), 0);
    }

    /// Waits until what waits for room has waited long enough after the end, whenever it began to.
    async fn overdue(&self) {
        self.stop.come().await;
        tokio::time::sleep_until((self.stop.moment() + GRACE).into()).await;
    }

    /// What is cut off here stays unfinished in the record, and that is an error.
    async fn finish(&self, mut tasks: JoinSet<()>) {
        let all = async { while tasks.join_next().await.is_some() {} };
        let ended = tokio::select! {
            () = all => true,
            () = self.overdue() => false,
        };
        if !ended {
            self.under_way.fetch_sub(tasks.len() as u64, Ordering::Relaxed);
            tasks.shutdown().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Mutex;

    use super::*;
    use crate::results::{Operation, Run};
    use crate::schedule::{Arrivals, Shape};

    /// A service with one counter: who comes while it is held waits.
    struct Service(Mutex<()>);

    impl Actor for Service {
        fn operation(&self) -> &'static str {
            "knock"
        }

        async fn act(&self, _: u64) -> Ended {
            drop(self.0.lock().await);
            (Outcome::Done, 1)
        }
    }

    /// A service with one counter that takes ten milliseconds for each.
    struct Slow(Mutex<()>);

    impl Actor for Slow {
        fn operation(&self) -> &'static str {
            "knock"
        }

        async fn act(&self, _: u64) -> Ended {
            let _counter = self.0.lock().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
            (Outcome::Done, 1)
        }
    }

    /// Knocks a hundred times a second for three seconds, at a service that stalls for the second and third of them.
    async fn stalled(at_once: usize) -> Operation {
        let (second, service) = (Duration::from_secs(1), Arc::new(Service(Mutex::default())));
        let recorder = Recorder::new(Instant::now());
        let stop = Stop::at(recorder.started() + 3 * second);
        let driver = Driver { recorder: recorder.clone(), stop, at_once, under_way: Arc::default() };
        let shape = Shape { per_second: 100.0, ramp: Duration::ZERO, duration: 3 * second };
        let schedule = Schedule::new(shape, Arrivals::Even, (1, 1));
        let running = tokio::spawn(driver.run(Arc::clone(&service), schedule));
        tokio::time::sleep(second).await;
        let stall = service.0.lock().await;
        tokio::time::sleep(2 * second).await;
        drop(stall);
        running.await.expect("it drives");
        let results = recorder.results(Run::default(), Instant::now());
        results.operations.into_iter().next().expect("somebody knocked")
    }

    #[tokio::test]
    async fn a_service_that_stalls_shows_in_the_times_of_all_who_came_meanwhile() {
        // Whether many may be under way or only one: a closed loop would have seen a single slow answer in the second case.
        for at_once in [1_000, 1] {
            let knocks = stalled(at_once).await;
            assert!((299..=301).contains(&knocks.ended) && knocks.asked == Some(knocks.ended), "{knocks:?}");
            let latency = knocks.latency.expect("all were answered");
            // Two thirds came during the stall, half of them in its first second. A slow machine makes these times longer, never shorter.
            assert!(latency.p50_ms > 250.0 && latency.p90_ms > 1_000.0, "{at_once}: {latency:?}");
            let service = knocks.service.expect("all were answered");
            assert!(at_once > 1 || service.p50_ms < latency.p50_ms, "a closed loop would tell {service:?}");
            // Whoever waited for room did not wait for this machine.
            let (no_room, waited) = (knocks.no_room.map(|no_room| no_room.p50_ms), knocks.waited.expect("measured"));
            match at_once {
                1 => assert!(no_room.is_some_and(|no_room| no_room > 250.0 && waited.p50_ms < no_room), "{waited:?}"),
                _ => assert_eq!(no_room, None),
            }
        }
    }

    /// A thousand knocks a second for an hour, of which one may be under way at once.
    fn knocking(started: Instant, stop: &Stop) -> (Driver, Schedule) {
        let (stop, under_way) = (stop.clone(), Arc::default());
        let driver = Driver { recorder: Recorder::new(started), stop, at_once: 1, under_way };
        let shape = Shape { per_second: 1_000.0, ramp: Duration::ZERO, duration: Duration::from_secs(3_600) };
        (driver, Schedule::new(shape, Arrivals::Even, (1, 1)))
    }

    #[tokio::test]
    async fn a_service_that_falls_behind_cannot_keep_a_run_from_ending() {
        let (started, service) = (Instant::now(), Arc::new(Slow(Mutex::default())));
        let stop = Stop::at(started + Duration::from_secs(3_600));
        let (driver, schedule) = knocking(started, &stop);
        let recorder = driver.recorder.clone();
        let held = service.0.lock().await;
        let running = tokio::spawn(driver.run(Arc::clone(&service), schedule));
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop.now();
        // By the time that it goes on, much has been due after the end.
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(held);
        // However far behind it is, it may go on for no longer than this.
        tokio::time::timeout(2 * GRACE, running).await.expect("it ends").expect("it drives");
        let results = recorder.results(Run::default(), Instant::now());
        let knocks = results.operation("knock").expect("somebody knocked");
        let due = (stop.moment() - started).as_secs_f64() * 1_000.0;
        assert!((knocks.ended as f64 - due).abs() < 3.0 && knocks.unfinished == 0, "{due}: {knocks:?}");
    }

    #[tokio::test]
    async fn nobody_is_let_in_who_found_no_room_until_a_minute_after_the_end() {
        let (Some(ended), service) = (Instant::now().checked_sub(GRACE), Service(Mutex::default())) else {
            panic!("this machine runs for a minute")
        };
        let started = ended.checked_sub(Duration::from_secs(1)).expect("and for a second more");
        let (driver, schedule) = knocking(started, &Stop::at(ended));
        let (recorder, service) = (driver.recorder.clone(), Arc::new(service));
        let _held = service.0.lock().await;
        // Whoever waited for a minute from now would wait for twice as long as this.
        tokio::time::timeout(GRACE / 2, driver.run(Arc::clone(&service), schedule)).await.expect("it ends");
        let results = recorder.results(Run::default(), Instant::now());
        let knocks = results.operation("knock").expect("somebody knocked");
        assert!(knocks.ended == knocks.failed["not_started"] && knocks.ended >= 999, "{knocks:?}");
    }

    #[tokio::test]
    async fn who_came_before_an_early_end_is_counted_and_who_would_have_come_later_is_not() {
        let recorder = Recorder::new(Instant::now());
        let stop = Stop::at(recorder.started() + Duration::from_secs(3_600));
        let driver = Driver { recorder: recorder.clone(), stop: stop.clone(), at_once: 10, under_way: Arc::default() };
        let shape = Shape { per_second: 50.0, ramp: Duration::ZERO, duration: Duration::from_secs(3_600) };
        let schedule = Schedule::new(shape, Arrivals::Even, (1, 1));
        let running = tokio::spawn(driver.run(Arc::new(Service(Mutex::default())), schedule));
        tokio::time::sleep(Duration::from_millis(500)).await;
        stop.now();
        running.await.expect("it drives");
        let results = recorder.results(Run::default(), Instant::now());
        let knocks = results.operation("knock").expect("somebody knocked");
        assert!(knocks.ended >= 10 && knocks.ended < 1_000 && knocks.unfinished == 0, "{knocks:?}");
    }
}
