//! What happens when the clocks of database and program disagree.

use store::{Bundles, Clock, Life, PostgresKeyStore, StoreError};

use crate::database::{World, gaen, parse, with_options};

/// Stands in for the database's own clock where it is looked for first.
const WRONG: &str = "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz
    RETURN pg_catalog.clock_timestamp() + interval '1 second' * current_setting('test.wrong')::integer";

#[tokio::test]
async fn nothing_is_delisted_while_clocks_disagree_by_more_than_ten_minutes() {
    let world = World::new().await;
    world.accept(0..14).await;
    world.seal().await;
    world.age(15).await;
    world.sql().await.batch_execute(WRONG).await.expect("made");
    for (seconds, agree) in [(3_600, false), (-3_600, false), (300, true)] {
        let options = format!("-c%20search_path%3Dpublic,pg_catalog%20-c%20test.wrong%3D{seconds}");
        let url = with_options(&world.database.url(), &options);
        let store = PostgresKeyStore::open(&parse(&url), Clock::system()).await.expect("opened");
        match store.delist(&gaen()).await {
            Ok(delisted) => assert!(agree && delisted == [1], "{seconds}"),
            Err(StoreError::Unavailable(why)) => assert!(!agree && why.contains("seconds apart"), "{why}"),
            Err(other) => panic!("{other}"),
        }
        assert_eq!(store.number(&gaen()).await.expect("read"), 1 + u64::from(agree));
    }
}
