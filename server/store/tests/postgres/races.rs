//! Transactions that meet: what is committed late is sealed later, what is accepted while it is sealed is sealed once.

use std::time::Duration;

use futures_util::future::join_all;
use proto::ReportType;
use store::{Authorities, Clock, Day, Keys, PostgresKeyStore, RevisedKey, Revisions, SealOutcome, Uploads};
use tokio_postgres::Client;

use crate::database::{World, gaen, key, parse, policy, provenance};

/// Waits until somebody waits for a lock.
async fn somebody_waits(client: &Client) {
    const WAITING: &str =
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while client.query(WAITING, &[]).await.expect("looked").is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Copies what waits under another first byte of its keys, as if an upload wrote it.
const UPLOAD: &str = "
    INSERT INTO gaen_fresh SELECT set_byte(key, 0, 200), rolling_start, rolling_period, raw_transmission_risk, raw_report_type, onset,
        onset_source, authority, kid, origin, received_hour FROM gaen_fresh;
    INSERT INTO gaen_waiting SELECT feed, set_byte(key, 0, 200), revision, class, rolling_start, rolling_period, transmission_risk,
        report_type, days_since_onset, policy_version, release_at FROM gaen_waiting";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_while_a_seal_waits_for_the_lock_is_sealed() {
    let world = World::new().await;
    world.accept(1..3).await;
    let (mut other, uploading, watcher) = (world.sql().await, world.sql().await, world.sql().await);
    let lock = other.transaction().await.expect("begun");
    lock.batch_execute("LOCK TABLE seal_lock IN EXCLUSIVE MODE").await.expect("locked");
    let store = world.store.clone();
    let seal = tokio::spawn(async move { store_seal(&store).await });
    somebody_waits(&watcher).await;
    uploading.batch_execute(UPLOAD).await.expect("committed");
    lock.commit().await.expect("unlocked");
    assert_eq!(seal.await.expect("finished"), SealOutcome::Sealed(vec![1]));
    assert_eq!(world.members(1).await, [1, 2, 200, 200]);
}

async fn store_seal(store: &PostgresKeyStore) -> SealOutcome {
    store::Bundles::seal(store, &gaen(), &policy()).await.expect("sealed")
}

#[tokio::test]
async fn what_is_committed_after_a_seal_is_left_for_the_next_one() {
    let world = World::new().await;
    world.accept(1..3).await;
    let mut late = world.sql().await;
    let upload = late.transaction().await.expect("begun");
    upload.batch_execute(UPLOAD).await.expect("written");
    assert_eq!(world.seal().await, SealOutcome::Sealed(vec![1]));
    assert_eq!(world.members(1).await, [1, 2], "a seal does not wait for uploads");
    upload.commit().await.expect("committed");
    assert_eq!(world.seal().await, SealOutcome::Sealed(vec![2]));
    assert_eq!(world.members(2).await, [200, 200]);
}

/// A revision keeps seals waiting until it has ended: were it to wait for an upload that hangs, nobody could seal.
#[tokio::test]
async fn a_revision_waits_for_no_upload_that_has_counted_and_does_not_commit() {
    // As if uploads had come through connections of every stripe.
    const COUNTED: &str = "
        INSERT INTO upload_count (authority, day, stripe, key_uploads, keys, revisions, ages, onsets, report_uploads, reports)
        SELECT authority, day, n, key_uploads, keys, revisions, ages, onsets, report_uploads, reports
        FROM (SELECT * FROM upload_count LIMIT 1) AS one, generate_series(0, 15) AS n
        ON CONFLICT (authority, day, stripe) DO UPDATE SET keys = upload_count.keys + 1";
    let world = World::new().await;
    world.accept(1..2).await;
    let mut late = world.sql().await;
    let upload = late.transaction().await.expect("begun");
    upload.batch_execute(COUNTED).await.expect("written");
    let mut key = key(1);
    (key.raw.report_type, key.published.report_type) = (ReportType::Likely, Some(ReportType::Likely));
    let revised = RevisedKey { key, from: ReportType::Confirmed };
    world.store.revise_keys(&[revised], &[gaen()], &provenance()).await.expect("it does not wait");
    assert_eq!(world.seal().await, SealOutcome::Sealed(vec![1]), "and neither does a seal");
    upload.commit().await.expect("committed");
    let (from, to) = (Day::new(0), Day::new(i32::MAX));
    let days = world.store.upload_days("fhi", from, to).await.expect("read");
    assert_eq!(days.iter().map(|day| day.revisions).sum::<u64>(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_accepted_again_while_it_is_sealed_is_sealed_once() {
    // What a seal does with one key, held open.
    const SEALING: &str = "
        DELETE FROM gaen_waiting; DELETE FROM gaen_fresh;
        INSERT INTO gaen_publication VALUES (0, 1, false, 0, decode(repeat('01', 16), 'hex'), 0, 144, 2, 1, NULL, 0, 1,
            2, 1, 0, 1, 1, NULL, 'fhi', 'a-kid')";
    let world = World::new().await;
    world.accept(1..2).await;
    let (mut other, watcher) = (world.sql().await, world.sql().await);
    let seal = other.transaction().await.expect("begun");
    seal.batch_execute(SEALING).await.expect("sealed");
    let store = world.store.clone();
    let again =
        tokio::spawn(async move { store.accept_keys(&[key(0), key(1), key(2)], &[gaen()], &provenance()).await });
    somebody_waits(&watcher).await;
    seal.commit().await.expect("committed");
    again.await.expect("finished").expect("answered like the first time");
    let fresh = watcher.query("SELECT get_byte(key, 0) FROM gaen_fresh ORDER BY 1", &[]).await.expect("read");
    assert_eq!(fresh.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(world.seal().await, SealOutcome::Sealed(vec![1]));
    assert_eq!(world.members(1).await, [0, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_share_keys_do_not_wait_for_each_other_in_a_circle() {
    let world = World::new().await;
    let mut uploads = tokio::task::JoinSet::new();
    for upload in 0..40_u8 {
        let store = world.store.clone();
        let mut keys: Vec<_> = (0..30).map(key).collect();
        if upload % 2 == 1 {
            keys.reverse();
        }
        uploads.spawn(async move { store.accept_keys(&keys, &[gaen()], &provenance()).await });
    }
    while let Some(finished) = uploads.join_next().await {
        finished.expect("finished").expect("accepted");
    }
    const DEADLOCKS: &str =
        "SELECT pg_stat_force_next_flush(), deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks: i64 = world.sql().await.query_one(DEADLOCKS, &[]).await.expect("read").get(1);
    assert_eq!(deadlocks, 0);
    assert_eq!(world.seal().await, SealOutcome::Sealed(vec![1]));
    assert_eq!(world.members(1).await, (0..30).collect::<Vec<u8>>());
}

#[tokio::test]
async fn a_program_has_no_more_connections_than_its_url_says() {
    const COUNT: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'counted'";
    let world = World::new().await;
    let url = world.database.url();
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = parse(&format!("{url}{separator}connections=2&application_name=counted"));
    let store = PostgresKeyStore::open(&url, Clock::system()).await.expect("opened");
    let pings = (0..20).map(|_| store.ping());
    for ping in join_all(pings).await {
        ping.expect("each gets its turn");
    }
    let count: i64 = world.sql().await.query_one(COUNT, &[]).await.expect("counted").get(0);
    assert_eq!(count, 2);
}
