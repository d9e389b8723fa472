//! Where sealed rows stand and which transaction wrote them: nothing of either tells who uploaded together.

use store::{Bundles, Life, SealOutcome};
use tokio_postgres::Client;

use crate::database::{World, accept, gaen, policy, svalbard};

/// Rows in the order in which they stand in the file: the first byte of the key, the transaction that wrote it.
async fn standing(client: &Client, table: &str) -> Vec<(i32, String)> {
    let sql = format!("SELECT get_byte(key, 0), xmin::text FROM {table} ORDER BY ctid");
    client.query(&sql, &[]).await.expect("read").iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Uploads of two keys each, in no order of bytes.
async fn upload(world: &World) {
    for person in [70_u8, 10, 50, 30, 90] {
        accept(&world.store, person..person + 1, &[gaen(), svalbard()]).await.expect("accepted");
        accept(&world.store, 200 - person..201 - person, &[gaen(), svalbard()]).await.expect("accepted");
    }
}

/// Of how many keys is known what was said of them, by the publications that carry it.
async fn known(client: &Client) -> i64 {
    let sql =
        "SELECT count(*) FROM gaen_key JOIN gaen_publication USING (key) WHERE gaen_publication.authority = 'fhi'";
    client.query_one(sql, &[]).await.expect("counted").get(0)
}

#[tokio::test]
async fn what_was_said_of_a_key_is_kept_in_byte_order_when_its_first_publication_goes() {
    let world = World::new().await;
    let client = world.sql().await;
    upload(&world).await;
    assert!(matches!(world.seal().await, SealOutcome::Sealed(_)));
    assert!(matches!(world.store.seal(&svalbard(), &policy()).await, Ok(SealOutcome::Sealed(_))));
    world.age(15).await;
    for feed in [gaen(), svalbard()] {
        let near = ["near".to_owned()];
        assert_eq!(known(&client).await, if feed == gaen() { 10 } else { 0 }, "Norway's carry it, Svalbard's do not");
        world.store.delist(&feed).await.expect("de-listed");
        world.store.record_listed(&feed, world.store.number(&feed).await.expect("read"), "near").await.expect("noted");
        client.batch_execute("UPDATE bundle_bucket SET delisted_at = 0").await.expect("changed");
        world.store.record_deleted(&feed, 1, "near").await.expect("noted");
        // In two batches: each keeps what Svalbard needs.
        let mut purged = [0, 0];
        for limit in [4, 100] {
            let gone = world.store.purge(&feed, &near, limit).await.expect("purged");
            purged = [purged[0] + gone.publications, purged[1] + gone.identities];
        }
        assert_eq!(purged, if feed == gaen() { [10, 0] } else { [10, 10] }, "{feed}");
        let kept = standing(&client, "gaen_kept").await;
        assert_eq!(kept.len(), if feed == gaen() { 10 } else { 0 });
        assert!(kept.is_sorted(), "{kept:?}");
    }
}

#[tokio::test]
async fn sealed_rows_stand_in_byte_order_and_one_transaction_wrote_them() {
    let world = World::new().await;
    let client = world.sql().await;
    upload(&world).await;
    let before = standing(&client, "gaen_fresh").await;
    assert!(!before.is_sorted() && before[0].1 != before[1].1, "uploads can be told apart before the seal");
    // Rows that were deleted long ago leave holes, which the seal's rows might fill in another order.
    assert!(matches!(world.seal().await, SealOutcome::Sealed(_)));
    let rows = standing(&client, "gaen_publication").await;
    assert_eq!(rows.len(), 10);
    assert!(rows.is_sorted(), "they stand in byte order: {rows:?}");
    assert!(rows.iter().all(|row| row.1 == rows[0].1), "one transaction wrote them: {rows:?}");
    assert_eq!(known(&client).await, 10, "what was said of them went along");
    // The same keys wait in Svalbard still, and must not tell there what they no longer tell in Norway.
    let waiting = standing(&client, "gaen_waiting").await;
    assert_eq!(waiting.len(), 10);
    assert!(waiting.is_sorted() && waiting.iter().all(|row| row.1 == waiting[0].1), "{waiting:?}");
    assert!(standing(&client, "gaen_fresh").await.is_empty());
}
