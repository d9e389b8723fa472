//! Withdrawing beside what else happens, who may do it, and where the rows that it writes come to stand.

use std::time::Duration;

use proto::Kind;
use store::{Keys, SealOutcome, Selection, StoreError, WithdrawalKind, Withdrawals};
use tokio_postgres::Client;

use crate::database::{World, accept, gaen, key, provenance, svalbard};

/// All keys of the authority.
fn everything() -> Selection {
    Selection { kind: WithdrawalKind::Gaen, authority: "fhi".into(), kid: None, times: None }
}

/// Waits until somebody waits for a lock.
async fn somebody_waits(client: &Client) {
    const WAITING: &str =
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while client.query(WAITING, &[]).await.expect("looked").is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Rows in the order in which they stand in the file: the first byte of the key, the transaction that wrote it.
async fn standing(client: &Client, table: &str) -> Vec<(i32, String)> {
    let sql = format!("SELECT get_byte(key, 0), xmin::text FROM {table} ORDER BY ctid");
    client.query(&sql, &[]).await.expect("read").iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn tombstones_and_revocations_stand_in_byte_order_and_one_transaction_wrote_them() {
    let world = World::new().await;
    let client = world.sql().await;
    for person in [70_u8, 10, 50, 30, 90] {
        accept(&world.store, person..person + 1, &[gaen()]).await.expect("accepted");
        accept(&world.store, 200 - person..201 - person, &[gaen()]).await.expect("accepted");
    }
    assert!(matches!(world.seal().await, SealOutcome::Sealed(_)));
    for person in [71_u8, 11, 51, 31, 91] {
        accept(&world.store, person..person + 1, &[gaen(), svalbard()]).await.expect("accepted");
        accept(&world.store, 200 - person..201 - person, &[gaen(), svalbard()]).await.expect("accepted");
    }
    let before = standing(&client, "gaen_fresh").await;
    assert!(!before.is_sorted() && before[0].1 != before[1].1, "uploads can be told apart before");
    let sealed = standing(&client, "gaen_publication").await;

    let picked = world.store.pick(&everything()).await.expect("picked");
    world.store.withdraw(Kind::Gaen, &picked).await.expect("withdrawn");
    for table in ["gaen_fresh", "gaen_waiting"] {
        let rows = standing(&client, table).await;
        assert_eq!(rows.len(), 10, "{table}");
        assert!(rows.is_sorted(), "{table} stands in byte order: {rows:?}");
        assert!(rows.iter().all(|row| row.1 == rows[0].1), "{table} was written by one transaction: {rows:?}");
    }
    assert_eq!(standing(&client, "gaen_publication").await, sealed, "what is sealed was not touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sealed_while_a_withdrawal_waits_for_the_lock_is_revoked() {
    let world = World::new().await;
    world.accept(1..4).await;
    let picked = world.store.pick(&everything()).await.expect("picked");
    let (mut other, watcher) = (world.sql().await, world.sql().await);
    let seal = other.transaction().await.expect("begun");
    // What a seal does with two of three keys, held open.
    let sealing = "
        LOCK TABLE seal_lock IN EXCLUSIVE MODE;
        INSERT INTO gaen_publication SELECT feed, 1, false, class, key, waiting.rolling_start, waiting.rolling_period, transmission_risk,
            report_type, days_since_onset, revision, policy_version, raw_transmission_risk, raw_report_type, onset, onset_source,
            origin, proof, authority, kid FROM gaen_waiting AS waiting JOIN gaen_fresh USING (key) WHERE get_byte(key, 0) < 3;
        DELETE FROM gaen_waiting WHERE get_byte(key, 0) < 3; DELETE FROM gaen_fresh WHERE get_byte(key, 0) < 3";
    seal.batch_execute(sealing).await.expect("sealed");
    let store = world.store.clone();
    let withdraw = tokio::spawn(async move { store.withdraw(Kind::Gaen, &picked).await.expect("withdrawn") });
    somebody_waits(&watcher).await;
    seal.commit().await.expect("committed");
    let tally = withdraw.await.expect("finished");
    let of_feed = tally.feeds[&gaen()];
    assert_eq!((of_feed.waiting, of_feed.sealed, of_feed.revoked), (1, 2, 0));
    let waiting = standing(&watcher, "gaen_waiting").await;
    assert_eq!(waiting.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 2], "two revocations");
    let fresh = standing(&watcher, "gaen_fresh").await;
    assert_eq!(fresh.iter().map(|row| row.0).collect::<Vec<_>>(), [3], "one tombstone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_again_while_it_is_withdrawn_stays_withdrawn() {
    let world = World::new().await;
    world.accept(1..3).await;
    let (mut other, watcher) = (world.sql().await, world.sql().await);
    let withdrawal = other.transaction().await.expect("begun");
    // What a withdrawal does, held open.
    let withdrawing = "
        LOCK TABLE seal_lock IN EXCLUSIVE MODE; DELETE FROM gaen_waiting;
        WITH moved AS (DELETE FROM gaen_fresh RETURNING *) INSERT INTO gaen_fresh SELECT * FROM moved ORDER BY key";
    withdrawal.batch_execute(withdrawing).await.expect("withdrawn");
    let store = world.store.clone();
    let again =
        tokio::spawn(async move { store.accept_keys(&[key(1), key(2), key(3)], &[gaen()], &provenance()).await });
    somebody_waits(&watcher).await;
    withdrawal.commit().await.expect("committed");
    again.await.expect("finished").expect("answered like the first time");
    assert_eq!(world.seal().await, SealOutcome::Sealed(vec![1]));
    assert_eq!(world.members(1).await, [3], "what is new is published, what was withdrawn is not");
}

#[tokio::test]
async fn the_server_withdraws_nothing_and_the_exporter_forgets() {
    let world = World::new().await;
    world.accept(1..4).await;
    let picked = world.store.pick(&everything()).await.expect("picked");
    // The exporter could: it withdraws filler, beside the few that somebody withdrew.
    let server = world.as_role("pratique_server").await;
    assert!(matches!(server.pick(&everything()).await, Err(StoreError::NotReady(_))));
    assert!(matches!(server.withdraw(Kind::Gaen, &picked).await, Err(StoreError::NotReady(_))));
    let exporter = world.as_role("pratique_exporter").await;
    world.store.withdraw(Kind::Gaen, &picked).await.expect("withdrawn");
    assert_eq!((exporter.due_tombstones().await.expect("counted"), picked.len()), (0, 3));
    let aged = "UPDATE gaen_fresh SET rolling_start = rolling_start - 16 * 144";
    world.sql().await.batch_execute(aged).await.expect("days go by");
    assert_eq!(exporter.due_tombstones().await.expect("counted"), 3);
    assert_eq!(exporter.forget_tombstones(2).await.expect("forgotten"), 2);
    assert_eq!(exporter.forget_tombstones(2).await.expect("forgotten"), 1);
    assert_eq!(exporter.forget_tombstones(2).await.expect("nothing left"), 0);
}
