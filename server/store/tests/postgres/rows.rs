//! Where sealed rows stand and which transaction wrote them: nothing of either tells who uploaded together.

use store::SealOutcome;
use tokio_postgres::Client;

use crate::database::{World, accept, gaen, svalbard};

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

#[tokio::test]
async fn sealed_rows_stand_in_byte_order_and_one_transaction_wrote_them() {
    let world = World::new().await;
    let client = world.sql().await;
    upload(&world).await;
    let before = standing(&client, "gaen_fresh").await;
    assert!(!before.is_sorted() && before[0].1 != before[1].1, "uploads can be told apart before the seal");
    // Rows that were deleted long ago leave holes, which the seal's rows might fill in another order.
    assert!(matches!(world.seal().await, SealOutcome::Sealed(_)));
    for table in ["gaen_key", "gaen_publication"] {
        let rows = standing(&client, table).await;
        assert_eq!(rows.len(), 10, "{table}");
        assert!(rows.is_sorted(), "{table} stands in byte order: {rows:?}");
        assert!(rows.iter().all(|row| row.1 == rows[0].1), "{table} was written by one transaction: {rows:?}");
    }
    // The same keys wait in Svalbard still, and must not tell there what they no longer tell in Norway.
    let waiting = standing(&client, "gaen_waiting").await;
    assert_eq!(waiting.len(), 10);
    assert!(waiting.is_sorted() && waiting.iter().all(|row| row.1 == waiting[0].1), "{waiting:?}");
    assert!(standing(&client, "gaen_fresh").await.is_empty());
}
