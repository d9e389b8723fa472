//! Very many at once.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::callers::{self, PATIENCE, Said};
use crate::program::Program;

const IDLE: usize = 10_000;
const DRIPPING: usize = 1_000;
/// For how many seconds there are 50 uploads a second.
const SECONDS: usize = 20;
/// In MiB.
const MEMORY: u64 = 256;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_and_a_thousand_dripping_connections_keep_nobody_from_uploading() {
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).expect("a limit");
    // The other tests of this program run beside this one.
    let needed = (IDLE + DRIPPING + 4_000) as u64;
    assert!(descriptors >= needed, "raise the hard limit of file descriptors to {needed}: ulimit -Hn {needed}");
    let program = Program::start(&[]);
    let to = program.address;
    let mut crowd = JoinSet::new();
    for number in 0..IDLE {
        crowd.spawn(callers::idle(to, number));
    }
    for number in 0..DRIPPING {
        if number % 3 == 0 {
            crowd.spawn(callers::ignore(to, number))
        } else {
            crowd.spawn(callers::drip(to, number))
        };
    }
    // On a slow machine some are hung up on before the last have come; whoever was comes again.
    let most = || async {
        while program.descriptors() < (IDLE + DRIPPING) * 3 / 4 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let there = timeout(PATIENCE * 2, most()).await;
    assert!(there.is_ok(), "no more than {} descriptors are open", program.descriptors());

    let mut phones = JoinSet::new();
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut there, mut uploads) = (Vec::new(), 0);
    for person in 0..50 * SECONDS {
        ticks.tick().await;
        phones.spawn(async move { callers::exchange(to, person, &callers::upload(person)).await });
        if person % 50 == 0 {
            there.push(program.descriptors());
        }
    }
    while let Some(said) = phones.join_next().await {
        assert_eq!(said.expect("it ran").expect("a reply"), Said { status: 200, retry_after: 0 });
        uploads += 1;
    }
    let memory = program.peak_memory();
    // Those who are hung up on come again; a few are always on their way, and after a machine stood still, very many at once.
    there.sort_unstable();
    let usual = there[there.len() / 2];
    println!("{uploads} uploads beside {usual} open descriptors as a rule; the server's memory reached {memory} MiB");
    assert!(memory < MEMORY, "{memory} MiB");
    assert!(usual > (IDLE + DRIPPING) / 2, "{usual} connections as a rule: {there:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_answered_with_a_time_to_come_again_and_then_everything_works() {
    let program = Program::start(&["--requests-at-once", "4", "--requests-waiting", "16", "--tick-ms", "0"]);
    let to = program.address;
    let uploads: Vec<_> = (0..2_000).map(callers::upload).collect();
    let mut flood = JoinSet::new();
    for (person, upload) in uploads.into_iter().enumerate() {
        flood.spawn(async move { callers::exchange(to, person, &upload).await });
    }
    let (mut served, mut refused) = (0, 0);
    while let Some(said) = flood.join_next().await {
        match said.expect("it ran").expect("a reply") {
            Said { status: 200, retry_after: 0 } => served += 1,
            Said { status: 429, retry_after: 1.. } => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    let memory = program.peak_memory();
    println!("{served} served, {refused} refused; the server's memory reached {memory} MiB");
    assert!(served > 0 && refused > 0 && memory < MEMORY, "{served} served, {refused} refused, {memory} MiB");
    for person in 5_000..5_020 {
        let said = timeout(PATIENCE, callers::exchange(to, person, &callers::upload(person))).await;
        assert_eq!(said.expect("in time").expect("a reply").status, 200);
    }
}
