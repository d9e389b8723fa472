//! Whoever holds a full copy of the key database, with every byte of its files, cannot tell which sealed keys belong to one person.
//!
//! A crowd whose keys differ in nothing but their bytes uploads person by person, so that only the order of rows could tell. Each way of looking
//! at the copy gives a sequence of keys; the attack counts how often two keys of one person stand close together in it, and compares that with
//! what chance would give. Two tests hold the attack to account: it must succeed where the order does tell.

mod attack;
mod crowd;
mod dump;
mod server;

use std::collections::HashSet;

use attack::attack;
use crowd::Crowd;
use dump::Dump;
use proto::Kind;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rusqlite::Connection;

/// How many people upload before each seal.
const PEOPLE: usize = 200;

#[tokio::test]
async fn the_order_of_sealed_keys_tells_nothing() {
    let mut rng = StdRng::seed_from_u64(1);
    for kind in Kind::ALL {
        let mut crowd = Crowd::new(kind).await;
        // The second round fills pages that the first one freed, beside keys that have to wait.
        for _ in 0..2 {
            crowd.upload(PEOPLE, &mut rng).await;
            crowd.seal().await;
            let dump = Dump::of(crowd.path());
            assert!(dump.log.is_empty(), "the write-ahead log keeps the order of writes");
            let sequences = dump.sequences(crowd.sealed());
            assert!(sequences.len() >= 3, "the file, the keys and the publications are looked at");
            for (way, sequence) in sequences {
                let found: HashSet<_> = sequence.iter().collect();
                assert_eq!(found.len(), crowd.sealed().len(), "{kind}, {way}: every key is found");
                let verdict = attack(&sequence, crowd.sealed(), &mut rng);
                assert!(verdict.is_chance(), "{kind}, {way}: {verdict:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_revised_after_it_was_sealed_tells_nothing_once_that_is_sealed_too() {
    let mut rng = StdRng::seed_from_u64(9);
    let mut crowd = Crowd::new(Kind::Gaen).await;
    for revising in [0, PEOPLE] {
        crowd.upload(PEOPLE, &mut rng).await;
        crowd.revise(revising).await;
        crowd.seal().await;
    }
    let dump = Dump::of(crowd.path());
    for (way, sequence) in dump.sequences(crowd.sealed()) {
        let found: HashSet<_> = sequence.iter().collect();
        assert_eq!(found.len(), crowd.sealed().len(), "{way}: every key is found");
        assert!(!way.contains("publication") || sequence.len() == 3 * PEOPLE * 14, "{way}: with its revision");
        let verdict = attack(&sequence, crowd.sealed(), &mut rng);
        assert!(verdict.is_chance(), "{way}: {verdict:?}");
    }
    for column in dump.columns(crowd.sealed()) {
        for (value, people) in column.people_by_value {
            assert!(people.len() >= PEOPLE, "{} is {value:?} for few", column.name);
        }
    }
}

#[tokio::test]
async fn what_was_revised_on_a_server_tells_nothing_once_that_is_sealed() {
    let mut rng = StdRng::seed_from_u64(10);
    let (database, mut crowd) = server::crowd(Kind::Gaen).await;
    let client = database.connect().await.expect("connected");
    crowd.upload(PEOPLE, &mut rng).await;
    crowd.seal().await;
    let before = server::sequences(&client, crowd.sealed()).await;
    crowd.upload(PEOPLE, &mut rng).await;
    crowd.revise(PEOPLE).await;
    for (way, sequence) in server::sequences(&client, crowd.sealed()).await {
        if way.starts_with("gaen_waiting") {
            let verdict = attack(&sequence, crowd.sealed(), &mut rng);
            assert!(verdict.is_certain(), "{way}: a revision that waits can be told apart: {verdict:?}");
        } else {
            assert!(before.contains(&(way.clone(), sequence)), "{way}: a revision touches no row of what is sealed");
        }
    }
    crowd.seal().await;
    client.batch_execute("VACUUM").await.expect("vacuumed");
    for (way, sequence) in server::sequences(&client, crowd.sealed()).await {
        let found: HashSet<_> = sequence.iter().collect();
        assert_eq!(found.len(), crowd.sealed().len(), "{way}: every key is found");
        let verdict = attack(&sequence, crowd.sealed(), &mut rng);
        assert!(verdict.is_chance(), "{way}: {verdict:?}");
    }
    let columns = server::columns(&client, crowd.sealed()).await;
    assert!(columns.iter().any(|(name, _)| name.ends_with("xmax")), "who locked a row is looked at");
    for (name, people_by_value) in columns {
        assert!(people_by_value.iter().all(|people| *people >= PEOPLE), "{name} has a value of few");
    }
}

#[tokio::test]
async fn what_has_died_is_found_nowhere_and_what_lives_tells_nothing() {
    let mut rng = StdRng::seed_from_u64(8);
    for kind in Kind::ALL {
        let mut crowd = Crowd::new(kind).await;
        crowd.upload(PEOPLE, &mut rng).await;
        crowd.seal().await;
        let dead = crowd.sealed().clone();
        crowd.wait(10);
        crowd.upload(PEOPLE, &mut rng).await;
        crowd.seal().await;
        crowd.wait(4);
        crowd.forget(&dead).await;

        let dump = Dump::of(crowd.path());
        // SQLite overwrites what it deletes, but now and then not what the splitting of a page has left between rows: in no order, and until the
        // page is written again.
        for (way, sequence) in dump.sequences(&dead) {
            let left = sequence.len();
            assert!(way == "bytes of the file" && left < dead.len() / 100, "{kind}, {way}: {left} dead keys are there");
        }
        let database = Connection::open(crowd.path()).expect("opened");
        database.execute_batch("VACUUM").expect("rewritten");
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("moved into the file");
        assert!(Dump::of(crowd.path()).sequences(&dead).iter().all(|(_, sequence)| sequence.is_empty()), "{kind}");
        for (way, sequence) in dump.sequences(crowd.sealed()) {
            let found: HashSet<_> = sequence.iter().collect();
            assert_eq!(found.len(), crowd.sealed().len(), "{kind}, {way}: every key is found");
            let verdict = attack(&sequence, crowd.sealed(), &mut rng);
            assert!(verdict.is_chance(), "{kind}, {way}: {verdict:?}");
        }
    }
}

#[tokio::test]
async fn what_was_recalled_tells_nothing_while_it_waits_nor_once_it_is_sealed_again() {
    let mut rng = StdRng::seed_from_u64(11);
    for kind in Kind::ALL {
        let mut crowd = Crowd::new(kind).await;
        crowd.upload(PEOPLE, &mut rng).await;
        crowd.seal().await;
        crowd.recall().await;
        for sealed_again in [false, true] {
            if sealed_again {
                crowd.seal().await;
            }
            let dump = Dump::of(crowd.path());
            assert!(dump.log.is_empty(), "the write-ahead log keeps the order of writes");
            for (way, sequence) in dump.sequences(crowd.sealed()) {
                let verdict = attack(&sequence, crowd.sealed(), &mut rng);
                assert!(verdict.is_chance(), "{kind}, {way}: {verdict:?}");
            }
            for column in dump.columns(crowd.sealed()) {
                for (value, people) in column.people_by_value {
                    assert_eq!(people.len(), PEOPLE, "{kind}: {} is {value:?} for few", column.name);
                }
            }
        }
    }
}

#[tokio::test]
async fn what_was_recalled_on_a_server_tells_nothing_while_it_waits_nor_once_it_is_sealed_again() {
    let mut rng = StdRng::seed_from_u64(12);
    let (database, mut crowd) = server::crowd(Kind::Gaen).await;
    let client = database.connect().await.expect("connected");
    crowd.upload(PEOPLE, &mut rng).await;
    crowd.seal().await;
    // What returns takes the places of those rows that the uploads left.
    client.batch_execute("VACUUM").await.expect("vacuumed");
    crowd.recall().await;
    for sealed_again in [false, true] {
        if sealed_again {
            crowd.seal().await;
        }
        for (way, sequence) in server::sequences(&client, crowd.sealed()).await {
            let verdict = attack(&sequence, crowd.sealed(), &mut rng);
            assert!(verdict.is_chance(), "{way}: {verdict:?}");
        }
        for (name, people_by_value) in server::columns(&client, crowd.sealed()).await {
            assert!(people_by_value.iter().all(|people| *people == PEOPLE), "{name} has a value of few");
        }
    }
}

#[tokio::test]
async fn the_attack_finds_people_among_keys_that_are_not_sealed() {
    let mut rng = StdRng::seed_from_u64(2);
    for kind in Kind::ALL {
        let mut crowd = Crowd::new(kind).await;
        // So few that the log has not been begun anew since the first of them.
        crowd.upload(PEOPLE / 10, &mut rng).await;
        let sequences = Dump::of(crowd.path()).sequences(crowd.waiting());
        let log = sequences.iter().find(|(way, _)| way == "bytes of the write-ahead log");
        let (_, sequence) = log.expect("the log is not empty");
        let verdict = attack(sequence, crowd.waiting(), &mut rng);
        assert!(verdict.is_certain(), "{kind}: {verdict:?}");
    }
}

#[test]
fn the_attack_finds_people_where_rows_stay_where_they_came_to_stand() {
    let mut rng = StdRng::seed_from_u64(4);
    let crowd = Crowd::imagined(PEOPLE, &mut rng);
    let bytes = dump::kept_as_it_came(&crowd);
    let verdict = attack(&dump::occurrences(&bytes, crowd.sealed()), crowd.sealed(), &mut rng);
    assert!(verdict.is_certain(), "{verdict:?}");
}

#[tokio::test]
async fn no_column_of_a_sealed_row_belongs_to_one_person() {
    let mut rng = StdRng::seed_from_u64(5);
    for kind in Kind::ALL {
        let mut crowd = Crowd::new(kind).await;
        crowd.upload(PEOPLE, &mut rng).await;
        crowd.seal().await;
        let dump = Dump::of(crowd.path());
        let columns = dump.columns(crowd.sealed());
        assert!(columns.len() > 10, "{kind}: the sealed rows are found");
        for column in columns {
            for (value, people) in column.people_by_value {
                assert_eq!(people.len(), PEOPLE, "{kind}: {} is {value:?} for few", column.name);
            }
        }
    }
}

#[tokio::test]
async fn no_table_of_people_counts_its_rows() {
    let crowd = Crowd::new(Kind::Gaen).await;
    let tables = Dump::of(crowd.path()).tables;
    assert!(tables.iter().any(|(name, _)| name == "gaen_key"));
    for (name, sql) in &tables {
        assert!(sql.contains("STRICT") || name == "refinery_schema_history", "{name} is not strict");
        assert!(!sql.to_uppercase().contains("AUTOINCREMENT"), "{name}");
        if name.starts_with("gaen_") || name.starts_with("tcn_") {
            assert!(sql.contains("WITHOUT ROWID"), "{name} would keep the order of its rows");
            for word in ["upload", "commitment", "certificate TEXT", "received_at"] {
                assert!(!sql.contains(&format!("    {word} ")), "{name} has {word}");
            }
        }
    }
}

#[tokio::test]
async fn neither_place_nor_transaction_of_a_row_on_a_server_tells_who_uploaded_it() {
    let mut rng = StdRng::seed_from_u64(6);
    for kind in Kind::ALL {
        let (database, mut crowd) = server::crowd(kind).await;
        let client = database.connect().await.expect("connected");
        for _ in 0..2 {
            crowd.upload(PEOPLE, &mut rng).await;
            for (way, sequence) in server::sequences(&client, crowd.waiting()).await {
                let verdict = attack(&sequence, crowd.waiting(), &mut rng);
                assert!(verdict.is_certain(), "{kind}, {way}: who waits can be told apart: {verdict:?}");
            }
            crowd.seal().await;
            // As time goes by, the rows of the next round take the places of those that were deleted.
            client.batch_execute("VACUUM").await.expect("vacuumed");
            let sequences = server::sequences(&client, crowd.sealed()).await;
            assert_eq!(sequences.len(), 4, "publications, and those that wait in Svalbard are looked at");
            for (way, sequence) in sequences {
                assert_eq!(sequence.len(), crowd.sealed().len(), "{kind}, {way}: every key is found");
                let verdict = attack(&sequence, crowd.sealed(), &mut rng);
                assert!(verdict.is_chance(), "{kind}, {way}: {verdict:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_column_of_a_sealed_row_on_a_server_belongs_to_one_person() {
    let mut rng = StdRng::seed_from_u64(7);
    for kind in Kind::ALL {
        let (database, mut crowd) = server::crowd(kind).await;
        crowd.upload(PEOPLE, &mut rng).await;
        crowd.seal().await;
        let columns = server::columns(&database.connect().await.expect("connected"), crowd.sealed()).await;
        assert!(columns.len() > 15, "{kind}: the sealed rows are found");
        for (name, people_by_value) in columns {
            assert!(people_by_value.iter().all(|people| *people == PEOPLE), "{kind}: {name} has a value of few");
        }
    }
}

#[tokio::test]
async fn what_is_counted_on_a_server_shares_a_transaction_with_no_sealed_row() {
    let mut rng = StdRng::seed_from_u64(9);
    for kind in Kind::ALL {
        let (database, mut crowd) = server::crowd(kind).await;
        let client = database.connect().await.expect("connected");
        crowd.upload(PEOPLE, &mut rng).await;
        let (counters, theirs) = server::counted_with(&client, crowd.waiting()).await;
        assert!(
            counters > 0 && !theirs.is_empty(),
            "{kind}: a counter shows whose upload was the last, while it waits"
        );
        crowd.seal().await;
        let (counters, theirs) = server::counted_with(&client, crowd.sealed()).await;
        assert!(counters > 0 && theirs.is_empty(), "{kind}: {} sealed rows", theirs.len());
    }
}
