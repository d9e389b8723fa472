//! Migrations: run by command, by one at a time, and seen by all.

use cluster::Database;
use store::{Authorities, Clock, PostgresCodeStore, PostgresKeyStore, StoreError};

use crate::database::{World, parse};

async fn open(database: &Database) -> Result<PostgresKeyStore, StoreError> {
    PostgresKeyStore::open(&parse(&database.url()), Clock::system()).await
}

#[tokio::test]
async fn a_database_without_tables_says_what_to_run() {
    let database = Database::empty().await.expect("a database");
    let Err(StoreError::NotReady(why)) = open(&database).await else { panic!("opened an empty database") };
    assert!(why.contains("server migrate"), "{why}");

    PostgresKeyStore::migrate(&parse(&database.url())).await.expect("migrated");
    open(&database).await.expect("opened").ping().await.expect("answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_migrate_at_once() {
    let database = Database::empty().await.expect("a database");
    let url = parse(&database.url());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn({
                let url = url.clone();
                async move { PostgresKeyStore::migrate(&url).await }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("finished").expect("migrated");
    }
    open(&database).await.expect("opened");
}

#[tokio::test]
async fn a_database_of_a_newer_or_another_program_is_not_opened() {
    for (change, said) in [
        ("INSERT INTO refinery_keys_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')", "newer"),
        ("UPDATE refinery_keys_history SET checksum = '1'", "another one"),
        ("DELETE FROM refinery_keys_history", "server migrate"),
    ] {
        let world = World::new().await;
        world.sql().await.batch_execute(change).await.expect("changed");
        let Err(StoreError::NotReady(why)) = open(&world.database).await else { panic!("opened: {change}") };
        assert!(why.contains(said), "{why}");
    }
}

#[tokio::test]
async fn a_user_who_may_not_migrate_is_told_so_and_changes_nothing() {
    let database = Database::empty().await.expect("a database");
    let client = database.connect().await.expect("connected");
    let role = format!("nobody_{}", database.name());
    client.batch_execute(&format!("CREATE ROLE {role}")).await.expect("a role");
    let url = crate::database::with_options(&database.url(), &format!("-c%20role%3D{role}"));
    let Err(StoreError::NotReady(why)) = PostgresKeyStore::migrate(&parse(&url)).await else { panic!("migrated") };
    assert!(why.contains("permission denied"), "{why}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(client.query_one(tables, &[]).await.expect("counted").get::<_, i64>(0), 0);
    client.batch_execute(&format!("DROP ROLE {role}")).await.expect("dropped");
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_not_waited_for() {
    let world = World::new().await;
    let url = world.database.url().replace(world.database.name(), "pratique_test_none");
    let opened = PostgresKeyStore::open(&parse(&url), Clock::system()).await;
    assert!(matches!(opened, Err(StoreError::NotReady(why)) if why.contains("does not exist")));
}

#[tokio::test]
async fn every_table_and_column_says_what_it_is() {
    const SILENT: &str = "
        SELECT format('%s.%s', relname, attname) FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = 'public'
        JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
        WHERE relkind = 'r' AND col_description(pg_class.oid, attnum) IS NULL
        UNION ALL
        SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = 'public'
        WHERE relkind = 'r' AND obj_description(pg_class.oid) IS NULL";
    let world = World::new().await;
    let silent = world.sql().await.query(SILENT, &[]).await.expect("listed");
    let silent: Vec<String> = silent.iter().map(|row| row.get(0)).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

/// The names of all tables.
async fn tables(database: &Database) -> Vec<String> {
    const TABLES: &str = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    let client = database.connect().await.expect("connected");
    client.query(TABLES, &[]).await.expect("listed").iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_database_of_the_other_program_is_named_and_stays_as_it_was() {
    let (keys, codes) = (Database::empty().await.expect("a database"), Database::empty().await.expect("a database"));
    let [keys_url, codes_url] = [&keys, &codes].map(|database| parse(&database.url()));
    PostgresKeyStore::migrate(&keys_url).await.expect("migrated");
    PostgresCodeStore::migrate(&codes_url).await.expect("migrated");
    let before = [tables(&keys).await, tables(&codes).await];
    let refusals = [
        (PostgresCodeStore::migrate(&keys_url).await.err(), "it is the key database"),
        (PostgresCodeStore::open(&keys_url).await.err(), "it is the key database"),
        (PostgresKeyStore::migrate(&codes_url).await.err(), "it is the verification database"),
        (open(&codes).await.err(), "it is the verification database"),
    ];
    for (refusal, said) in refusals {
        assert!(matches!(&refusal, Some(StoreError::NotReady(why)) if why.contains(said)), "{refusal:?}");
    }
    assert_eq!([tables(&keys).await, tables(&codes).await], before);
}

#[tokio::test]
async fn a_migration_that_fails_leaves_not_even_its_history() {
    let database = Database::empty().await.expect("a database");
    let client = database.connect().await.expect("connected");
    client.batch_execute("CREATE TABLE bundle (theirs text)").await.expect("in the way");
    let Err(StoreError::NotReady(why)) = PostgresKeyStore::migrate(&parse(&database.url())).await else {
        panic!("migrated")
    };
    assert!(why.contains("already exists"), "{why}");
    assert_eq!(tables(&database).await, ["bundle"]);
}
