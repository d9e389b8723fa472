//! What only a server has: an owner, roles with fewer rights, and somebody who reads its tables without the code.

use cluster::Database;
use store::{
    CertifyOutcome, ClaimOutcome, CodeStore, CountOutcome, CounterKind, Day, GuessOutcome, GuessScope, IssueOutcome,
    MessageState, NewCode, NewSelfReport, PerKind, PostgresCodeStore, SelfReportOutcome, Spelling, Statistic,
    StoreError, Tally,
};
use tokio_postgres::error::SqlState;

use crate::engine::{Engine, Postgres, parse};
use crate::guessing::guess;
use crate::samples::{CODE_LIFE, NOW, TERMS, authorities, bound, certify, code, digest, issuer, look_up};

/// The database as a program whose user has the service's role opens it.
async fn as_service(engine: &Postgres) -> PostgresCodeStore {
    let url = engine.database.url();
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}options=-c%20role%3Dpratique_verification");
    PostgresCodeStore::open(&parse(&url)).await.expect("the service's role may connect")
}

#[tokio::test]
async fn the_service_may_do_all_that_a_person_needs() {
    let engine = Postgres::fresh().await;
    authorities(&*engine.open().await).await;
    let store: &dyn CodeStore = &as_service(&engine).await;
    assert!(matches!(store.issue(&code(1), NOW).await, Ok(IssueOutcome::Issued)));
    assert!(matches!(store.issue(&code(1), NOW).await, Ok(IssueOutcome::Repeated(_))));
    assert!(look_up(store, "a", &[digest(1)]).await.is_some());
    for _ in 0..2 {
        let rows = vec![[7; store::CHAFF_ROW]];
        store.scribble(&store::Scratch { block: 1, rows }).await.expect("written");
        assert!(matches!(store.guess(&guess(1, 9), NOW).await, Ok(GuessOutcome::Wrong)));
    }
    assert_eq!(store.failures(Spelling::Digits, &[GuessScope::All], NOW).await.expect("counted"), [2]);
    assert_eq!(store.forget_guesses(NOW.plus(1_000 * CODE_LIFE), 100).await.expect("purged"), 3);
    assert_eq!(store.claim(&bound(1, 7, NOW)).await.expect("claimed"), ClaimOutcome::Claimed(TERMS));
    assert_eq!(store.certify(&certify(1, 7, 1, NOW)).await.expect("certified"), CertifyOutcome::Certified(TERMS));
    assert_eq!(store.issuers().await.expect("listed").len(), 2);
    assert_eq!(store.issuer_keys("a", NOW).await.expect("listed"), Some(vec![]));
    assert!(store.api_key([1; 32], NOW).await.expect("looked up").is_none());
    store.issue(&code(2), NOW).await.expect("issued");
    let message = [Tally { digests: vec![[1; 32]], limit: 1, ends_at: NOW.plus(CODE_LIFE) }];
    assert_eq!(store.count_message(&message, NOW).await.expect("counted"), CountOutcome::Counted);
    assert!(matches!(store.count_message(&message, NOW).await.expect("counted"), CountOutcome::Full { .. }));
    store.uncount_message(&message, NOW).await.expect("taken back");
    store.record_delivery("a", [2; 16], MessageState::Delivered, NOW).await.expect("recorded");
    assert!(store.is_delivered("a", [2; 16]).await.expect("looked up"));
    assert_eq!(store.purge(NOW.plus(CODE_LIFE), 100).await.expect("purged"), 2);
    assert_eq!(store.purge(NOW.plus(1_000 * CODE_LIFE), 100).await.expect("purged"), 3);
}

#[tokio::test]
async fn the_service_may_count_and_freeze_what_it_counted() {
    let engine = Postgres::fresh().await;
    authorities(&*engine.open().await).await;
    let store: &dyn CodeStore = &as_service(&engine).await;
    for quota in [None, Some(2), Some(1_000)] {
        for byte in [1, 2, 1] {
            store.issue(&NewCode { quota, ..code(byte) }, NOW).await.expect("answered");
        }
    }
    let today = Day::containing(NOW);
    let counted = store.counts("a", today, today).await.expect("read");
    assert_eq!(counted[0].counts[CounterKind::Issued], 2);
    let shown = Statistic { day: today, figures: PerKind::default() };
    assert!(store.freeze("a", &[shown]).await.expect("frozen"));
    assert!(!store.freeze("a", &[shown]).await.expect("answered"));
    assert_eq!(store.statistics("a", today).await.expect("read"), [shown]);
    while store.forget_counts(today.plus(1), 100).await.expect("deleted") > 0 {}
    assert!(store.statistics("a", today).await.expect("read").is_empty());
}

#[tokio::test]
async fn the_service_may_take_self_reports_and_forget_them() {
    let engine = Postgres::fresh().await;
    authorities(&*engine.open().await).await;
    let store: &dyn CodeStore = &as_service(&engine).await;
    let report = |byte| NewSelfReport { code: code(byte), phone: vec![digest(50)] };
    assert!(matches!(store.self_report(&report(1), NOW).await, Ok(SelfReportOutcome::Issued)));
    assert!(matches!(store.self_report(&report(2), NOW).await, Ok(SelfReportOutcome::Busy)));
    store.expire("a", [1; 16], NOW).await.expect("expired");
    assert!(matches!(store.self_report(&report(2), NOW).await, Ok(SelfReportOutcome::Issued)));
    assert_eq!(store.claim(&bound(2, 7, NOW)).await.expect("claimed"), ClaimOutcome::Claimed(TERMS));
    assert!(matches!(store.self_report(&report(3), NOW).await, Ok(SelfReportOutcome::Issued)));
    // The telephone and the text of the third.
    assert_eq!(store.purge(NOW.plus(CODE_LIFE), 100).await.expect("purged"), 2);
}

#[tokio::test]
async fn the_service_may_do_nothing_else() {
    let engine = Postgres::fresh().await;
    authorities(&*engine.open().await).await;
    let service: &dyn CodeStore = &as_service(&engine).await;
    let refused = service.create_issuer(&issuer("c"), NOW).await;
    assert!(matches!(&refused, Err(StoreError::NotReady(why)) if why.contains("log in as the owner")), "{refused:?}");
    let client = engine.database.connect().await.expect("connected");
    client.batch_execute("SET ROLE pratique_verification").await.expect("a role");
    for forbidden in [
        "INSERT INTO api_key VALUES (decode(repeat('00', 32), 'hex'), 'a', 'admin', 0)",
        "INSERT INTO authority_key VALUES ('kid', 'a', 'pem', 0)",
        "UPDATE authority SET disabled_at = NULL",
        "UPDATE api_key SET revoked_at = NULL",
        "DELETE FROM authority",
        "UPDATE code SET report_type = 'confirmed'",
        "UPDATE code SET authority = 'b'",
        "UPDATE code_digest SET digest = digest",
        "UPDATE guess_prefix SET digest = digest",
        "UPDATE guess_tally SET scope = 'all'",
        "UPDATE counter SET day = 0",
        "UPDATE statistic SET issued = 0",
        "UPDATE authority SET daily_quota = NULL",
        "UPDATE refinery_verification_history SET checksum = '0'",
        "TRUNCATE code CASCADE",
        "DROP TABLE code",
        "ALTER TABLE code ADD COLUMN note text",
        "CREATE TABLE note (text text)",
        "SELECT rolpassword FROM pg_authid",
        "COPY code TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
    ] {
        let refusal = client.batch_execute(forbidden).await.expect_err(forbidden);
        assert_eq!(refusal.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}: {refusal}");
    }
}

#[tokio::test]
async fn every_table_and_column_is_explained() {
    const SILENT: &str = "
        SELECT format('%s.%s', relname, attname) FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid AND attnum >= 0 AND NOT attisdropped
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND col_description(attrelid, attnum) IS NULL
        UNION ALL
        SELECT relname FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND obj_description(oid, 'pg_class') IS NULL";
    let engine = Postgres::fresh().await;
    let client = engine.database.connect().await.expect("connected");
    let silent: Vec<String> = client.query(SILENT, &[]).await.expect("read").iter().map(|row| row.get(0)).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[tokio::test]
async fn a_database_that_nobody_migrated_says_what_to_run() {
    let database = Database::empty().await.expect("a database");
    let refusal = PostgresCodeStore::open(&parse(&database.url())).await.err().expect("refused");
    assert!(matches!(&refusal, StoreError::NotReady(what) if what.contains("verification migrate")), "{refusal}");
}

#[tokio::test]
async fn two_who_migrate_at_once_do_it_once() {
    let database = Database::empty().await.expect("a database");
    let url = parse(&database.url());
    let (one, other) = tokio::join!(PostgresCodeStore::migrate(&url), PostgresCodeStore::migrate(&url));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    PostgresCodeStore::open(&url).await.expect("ready");
}
