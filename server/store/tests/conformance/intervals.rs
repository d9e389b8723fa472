//! Intervals: what was sealed in which, closed before the next one begins.

use std::sync::Arc;

use proto::{Feed, Kind, Timestamp};
use store::{ClosedInterval, Grid, KeyStore, SealOutcome, SealPolicy};

use crate::engine::Engine;
use crate::samples::{feed, opened, policy, provenance, report, sealed};

const GRID: Grid = Grid { length: 21_600, quiet: 600 };

fn tcn() -> Feed {
    feed(Kind::Tcn)
}

/// A policy that leaves the quiet time alone.
fn quiet() -> SealPolicy {
    SealPolicy { quiet: Some(GRID), ..policy() }
}

/// Moves the clock of all programs to so many seconds after the beginning of an interval.
fn move_to(engine: &impl Engine, interval: u64, seconds: i64) {
    let clock = engine.clock();
    clock.set_offset(clock.offset() + GRID.begin(interval).plus(seconds).unix() - clock.now().unix());
}

/// A store an hour before the end of an interval, and that interval.
async fn begun(engine: &impl Engine) -> (Arc<dyn KeyStore>, u64) {
    let store = opened(engine).await;
    let interval = GRID.newest(engine.clock().now()) + 1;
    move_to(engine, interval, GRID.length - 3_600);
    (store, interval)
}

/// Accepts a report and seals; the sequences of the bundles.
async fn seal_one(engine: &impl Engine, store: &dyn KeyStore, number: u64) -> Vec<u64> {
    accept(engine, store, number).await;
    sealed(store, &tcn(), &quiet()).await
}

async fn accept(engine: &impl Engine, store: &dyn KeyStore, number: u64) {
    let now = engine.clock().now();
    let mut report = report(number, 10, now);
    report.release_at = Timestamp::from_unix(0);
    store.accept_reports(&[report], &[tcn()], &provenance(now)).await.expect("accepted");
}

async fn close(store: &dyn KeyStore) -> Vec<(u64, u64, u64)> {
    shown(store.close_intervals(&tcn(), &GRID).await.expect("closed"))
}

fn shown(closed: Vec<ClosedInterval>) -> Vec<(u64, u64, u64)> {
    closed.into_iter().map(|ClosedInterval { number, from, to }| (number, from, to)).collect()
}

pub(crate) async fn an_interval_holds_what_was_sealed_in_the_one_before(engine: &impl Engine) {
    let (store, n) = begun(engine).await;
    assert!(store.intervals(&tcn()).await.expect("read").is_empty());
    assert_eq!(seal_one(engine, &*store, 1).await, [1]);
    // It is not over yet: what is due is the one that has begun, and nothing was sealed before that.
    assert_eq!(close(&*store).await, [(n, 1, 1)]);
    assert_eq!(seal_one(engine, &*store, 2).await, [2]);
    move_to(engine, n, GRID.length - GRID.quiet);
    assert_eq!(close(&*store).await, [(n, 1, 1), (n + 1, 1, 3)]);
    move_to(engine, n + 1, 0);
    assert_eq!(seal_one(engine, &*store, 3).await, [3]);
    assert_eq!(close(&*store).await, [(n, 1, 1), (n + 1, 1, 3)], "it is closed once");
    move_to(engine, n + 2, 0);
    let all = [(n, 1, 1), (n + 1, 1, 3), (n + 2, 3, 4)];
    assert_eq!(close(&*store).await, all);
    assert_eq!(shown(store.intervals(&tcn()).await.expect("read")), all);

    // What is gone is forgotten, but for the newest: the next one begins where it ends.
    for number in [n, n + 1, n + 2] {
        store.forget_interval(&tcn(), number).await.expect("forgotten");
    }
    assert_eq!(shown(store.intervals(&tcn()).await.expect("read")), [(n + 2, 3, 4)]);
}

pub(crate) async fn nothing_is_sealed_in_the_quiet_time_before_an_intervals_end(engine: &impl Engine) {
    let (store, n) = begun(engine).await;
    accept(engine, &*store, 1).await;
    move_to(engine, n, GRID.length - GRID.quiet);
    assert_eq!(store.seal(&tcn(), &quiet()).await.expect("left alone"), SealOutcome::NotDue);
    assert_eq!(store.number(&tcn()).await.expect("read"), 0);
    move_to(engine, n + 1, 0);
    assert_eq!(sealed(&*store, &tcn(), &quiet()).await, [1]);
    assert!(store.bundle(&tcn(), 1).await.expect("read").expect("there").end >= GRID.begin(n + 1));
}

pub(crate) async fn an_interval_that_was_slept_through_is_closed_afterwards_with_the_same_content(
    engine: &impl Engine,
) {
    let (store, n) = begun(engine).await;
    assert_eq!(close(&*store).await, [(n, 1, 1)]);
    for (interval, number) in [(n, 1), (n + 1, 2), (n + 1, 3), (n + 3, 4)] {
        move_to(engine, interval, 18_000 + i64::try_from(number).expect("small"));
        assert_eq!(seal_one(engine, &*store, number).await, [number]);
    }
    let all = [(n, 1, 1), (n + 1, 1, 2), (n + 2, 2, 4), (n + 3, 4, 4)];
    assert_eq!(close(&*store).await, all);
    // After weeks, only those follow whose bundles are still listed; what was sealed before them is in the first.
    move_to(engine, n + 200, 0);
    let closed = close(&*store).await;
    assert_eq!((closed[4], closed.last()), ((n + 144, 4, 5), Some(&(n + 200, 5, 5))));
}

pub(crate) async fn what_is_closed_never_grows_whatever_the_clock_does(engine: &impl Engine) {
    let (store, n) = begun(engine).await;
    assert_eq!(seal_one(engine, &*store, 1).await, [1]);
    move_to(engine, n, GRID.length - 1);
    let closed = close(&*store).await;
    assert_eq!(closed, [(n + 1, 1, 2)]);
    // The clock is set back, and somebody seals into the interval that is closed.
    move_to(engine, n, GRID.length - 1_800);
    assert_eq!(seal_one(engine, &*store, 2).await, [2]);
    assert_eq!(close(&*store).await, closed);
    move_to(engine, n + 2, 0);
    assert_eq!(close(&*store).await, [(n + 1, 1, 2), (n + 2, 2, 3)], "it is in the next one");
}

pub(crate) async fn programs_that_close_at_once_close_the_same(engine: &impl Engine) {
    let (store, n) = begun(engine).await;
    assert_eq!(seal_one(engine, &*store, 1).await, [1]);
    move_to(engine, n + 1, 0);
    let mut programs = Vec::new();
    for _ in 0..4 {
        let store = engine.open().await;
        programs.push(tokio::spawn(async move { store.close_intervals(&tcn(), &GRID).await.expect("closed") }));
    }
    for program in programs {
        assert_eq!(shown(program.await.expect("no panic")), [(n + 1, 1, 2)]);
    }
}

pub(crate) async fn a_seal_that_comes_after_its_signers_turn_leaves_the_feed_alone(engine: &impl Engine) {
    let store = opened(engine).await;
    accept(engine, &*store, 1).await;
    let now = engine.clock().now();
    let until = |moment| SealPolicy { until: Some(moment), ..policy() };
    assert_eq!(store.seal(&tcn(), &until(now)).await.expect("left alone"), SealOutcome::NotDue);
    assert_eq!(sealed(&*store, &tcn(), &until(now.plus(600))).await, [1]);
}
