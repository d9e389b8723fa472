//! What the services' roles may do, and what they may not.

use proto::ReportType;
use proto::bundle::SigningKeyId;
use proto::gaen::TemporaryExposureKey;
use proto::manifest::GatewayService;
use store::{
    Act, AdoptedBundle, Adoption, Adoptions, Audit, Bundles, Day, Derived, Gateways, Grid, Intervals, KeySetSource,
    KeySets, Life, Listing, RevisedKey, SealOutcome, SealPolicy, SolvedChallenge, SpendOutcome, Trust, Withdrawals,
};
use tokio_postgres::error::SqlState;

use crate::database::{World, accept, gaen, key, now, policy, provenance, svalbard};

/// Tries statements as a role; those that were not refused for want of a right.
async fn allowed(world: &World, role: &str, statements: &[&str]) -> Vec<String> {
    let client = world.sql().await;
    client.batch_execute(&format!("SET ROLE {role}")).await.expect("a role");
    let mut allowed = Vec::new();
    for statement in statements {
        let tried = client.batch_execute(&format!("BEGIN; {statement}")).await;
        client.batch_execute("ROLLBACK").await.expect("rolled back");
        match tried {
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {}
            other => allowed.push(format!("{statement}: {other:?}")),
        }
    }
    allowed
}

#[tokio::test]
async fn the_server_may_accept_and_no_more() {
    let world = World::new().await;
    let server = world.as_role("pratique_server").await;
    accept(&server, 0..14, &[gaen(), svalbard()]).await.expect("accepted");
    accept(&server, 0..14, &[gaen()]).await.expect("accepted again");
    assert!(matches!(world.seal().await, SealOutcome::Sealed(_)));
    accept(&server, 0..20, &[gaen()]).await.expect("accepted, as far as it is new");
    use store::{Admissions, Authorities, Keys, Revisions, Uploads};
    for number in [3, 18, 30] {
        for to in [ReportType::Confirmed, ReportType::Negative] {
            let mut key = key(number);
            (key.raw.report_type, key.published.report_type) = (to, Some(to));
            let revised = RevisedKey { key, from: ReportType::Confirmed };
            server.revise_keys(&[revised], &[gaen()], &provenance()).await.expect("revised, as far as it is known");
        }
    }
    let solved = SolvedChallenge { id: [1; 16], spent_on: [2; 32], forget_at: now() };
    assert_eq!(server.spend_challenge(&solved).await.expect("spent"), SpendOutcome::Spent);
    for _ in 0..2 {
        assert!(server.tally_self_report("fhi", 2, now()).await.expect("counted"));
        use store::Chaff;
        server.scribble(&store::Scratch { block: 1, rows: vec![[7; store::CHAFF_ROW]; 28] }).await.expect("written");
    }
    follow_keys(&world, &server).await;
    let (today, mut clashing) = (Day::containing(now()), key(0));
    clashing.published.key = TemporaryExposureKey::new(&[0; 16], 0, 1).expect("a key");
    let accepted = server.accept_keys(&[clashing], &[gaen()], &provenance()).await.expect("answered alike");
    assert_eq!(accepted.conflicts, 1);
    let days = server.upload_days("fhi", today.plus(-1), today).await.expect("read");
    assert_eq!(days.iter().map(|day| (day.key_uploads, day.keys)).collect::<Vec<_>>(), [(2, 21)]);
    assert!(server.forget_upload_days(today.plus(1), 100).await.expect("forgot") > 0);
    server.ping().await.expect("answers");
    assert!(server.authority("fhi").await.expect("read").is_some());
    assert_eq!(server.feeds().await.expect("read").len(), 4);

    let mut statements: Vec<String> = [
        "SELECT raw_transmission_risk FROM gaen_fresh",
        "SELECT onset FROM gaen_key",
        "SELECT authority FROM gaen_key",
        "SELECT kid FROM tcn_report",
        "SELECT onset FROM gaen_key",
        "SELECT received_hour FROM gaen_fresh",
        "UPDATE upload_count SET day = 0",
        "UPDATE upload_count SET authority = 'evil'",
        "SELECT number FROM feed",
        "SELECT release_at FROM gaen_waiting",
        "SELECT report_type FROM gaen_publication",
        "SELECT FROM tcn_waiting",
        "SELECT FROM tcn_publication",
        "SELECT FROM bundle",
        "UPDATE chaff SET slot = 1",
        "INSERT INTO authority VALUES ('evil', 'evil', 'pratique', 1, 0)",
        "INSERT INTO authority_key VALUES ('fhi', 'k', 'EdDSA', '')",
        "INSERT INTO denied_key VALUES ('fhi', 'k', 0)",
        "UPDATE denied_key SET denied_since = 1",
        "INSERT INTO key_set VALUES ('fhi', 'https://evil.example')",
        "UPDATE key_set SET url = 'https://evil.example'",
        "INSERT INTO gaen_kept (key) VALUES ('')",
        "SELECT key FROM gaen_kept",
        "SELECT authority FROM gaen_publication",
        "SELECT proof FROM gaen_publication",
        "SELECT gaen_keep(1, 1, true, 1, '', true)",
        "SELECT tcn_keep(1, 1, true, 1, '', true)",
        "INSERT INTO feed (path, region, kind, role, created_at, last_end) VALUES ('XX/gaen', 'XX', 'gaen', 'verified', 0, 0)",
        "LOCK TABLE seal_lock IN EXCLUSIVE MODE",
        "CREATE TABLE mine ()",
    ]
    .map(str::to_owned)
    .into();
    statements.push("UPDATE spent_challenge SET spent_on = ''".to_owned());
    statements.push("UPDATE self_report_tally SET hour = 0".to_owned());
    for table in tables(&world).await {
        // What keeps people from reporting by the thousand, and what is counted, the server keeps and forgets by itself.
        // What waits it takes back when somebody was found healthy. Keys that have left the set of an authority it forgets.
        let forgotten = ["spent_challenge", "self_report_tally", "upload_count", "gaen_waiting", "fetched_key"];
        if !forgotten.contains(&table.as_str()) {
            statements.push(format!("DELETE FROM {table}"));
        }
        statements.push(format!("TRUNCATE {table}"));
        statements.push(format!("DROP TABLE {table}"));
    }
    statements.push("UPDATE gaen_fresh SET kid = ''".to_owned());
    statements.push("UPDATE gaen_fresh SET rolling_period = 1".to_owned());
    statements.push("UPDATE gaen_kept SET raw_report_type = 5".to_owned());
    statements.push("UPDATE gaen_publication SET report_type = 5".to_owned());
    statements.push("UPDATE tcn_waiting SET report_type = 5".to_owned());
    statements.push("UPDATE gaen_waiting SET release_at = 0".to_owned());
    statements.push("UPDATE authority SET disabled_at = NULL".to_owned());
    let statements: Vec<_> = statements.iter().map(String::as_str).collect();
    let allowed = allowed(&world, "pratique_server", &statements).await;
    assert!(allowed.is_empty(), "{allowed:#?}");
}

/// What a server does to follow the keys that an authority publishes. Where they are, and which are denied, the owner says.
async fn follow_keys(world: &World, server: &store::PostgresKeyStore) {
    let url = "https://fhi.example/jwks";
    world.store.set_key_set("fhi", Some(url)).await.expect("set");
    let source = KeySetSource { authority: "fhi".into(), url: url.into() };
    assert_eq!(server.claim_key_set().await.expect("claimed").as_ref(), Some(&source));
    let signing = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let key = proto::certificate::CertificateKey::Ed25519(signing.verifying_key());
    server.record_key_set(&source, &[key.into()], 900).await.expect("recorded");
    server.record_key_set(&source, &[], 900).await.expect("recorded");
    server.record_fetch_failure(&source, 60).await.expect("recorded");
    server.hasten_key_set("fhi").await.expect("asked");
    assert_eq!(server.trusted("fhi").await.expect("read").expect("known").authority.keys.len(), 1);
    assert!(server.registered("fhi").await.expect("read").is_some());
}

#[tokio::test]
async fn the_exporter_may_seal_and_note_and_no_more() {
    let world = World::new().await;
    accept(&world.store, 0..14, &[gaen(), svalbard()]).await.expect("accepted");
    let exporter = world.as_role("pratique_exporter").await;
    let sealed = exporter.seal(&gaen(), &policy()).await.expect("sealed");
    assert_eq!(sealed, SealOutcome::Sealed(vec![1]));
    let sealed = exporter.seal(&svalbard(), &policy()).await.expect("sealed");
    assert_eq!(sealed, SealOutcome::Sealed(vec![1]));
    assert_eq!(exporter.members(&gaen(), 1, None, 20).await.expect("read").members.len(), 14);
    exporter.announce(&gaen(), 1, &[]).await.expect("announced");
    for hashes in [&[[1; 32]][..], &[]] {
        exporter.announce_gateways(&gaen(), GatewayService::Server, hashes).await.expect("announced");
    }
    exporter.record_put(&gaen(), 1, "near").await.expect("recorded");
    exporter.record_listed(&gaen(), 1, "near").await.expect("recorded");
    assert_eq!(exporter.puts(&gaen(), "near").await.expect("read"), [1]);
    assert_eq!(exporter.listing(&gaen(), 1).await.expect("read").bundles.len(), 1);
    assert_eq!(exporter.waiting(&gaen()).await.expect("counted").releasable, 0);
    let closed = exporter.close_intervals(&gaen(), &Grid { length: 21_600, quiet: 600 }).await.expect("closed");
    exporter.forget_interval(&gaen(), closed[0].number).await.expect("forgotten");
    assert_eq!(exporter.intervals(&gaen()).await.expect("read"), closed, "the newest is kept");
    let near = ["near".to_owned()];
    assert!(exporter.expired(&gaen()).await.expect("read").is_empty());
    assert!(exporter.delist(&gaen()).await.expect("nothing to do").is_empty());
    // Days go by.
    world.age(15).await;
    assert_eq!(exporter.delist(&gaen()).await.expect("de-listed"), [1]);
    let number = exporter.number(&gaen()).await.expect("read");
    exporter.record_listed(&gaen(), number, "near").await.expect("recorded");
    world.sql().await.batch_execute("UPDATE bundle_bucket SET delisted_at = 0").await.expect("changed");
    assert_eq!(exporter.deletable(&gaen(), "near").await.expect("read").len(), 1);
    exporter.record_deleted(&gaen(), 1, "near").await.expect("recorded");
    assert_eq!(exporter.dead(&gaen(), &near).await.expect("read"), [1]);
    assert_eq!(exporter.purge(&gaen(), &near, 100).await.expect("purged").publications, 14);
    amend(&world, &exporter).await;

    let mut statements: Vec<String> = [
        "SELECT FROM authority",
        "SELECT FROM authority_key",
        "SELECT FROM authority_region",
        "SELECT FROM denied_key",
        "SELECT FROM fetched_key",
        "INSERT INTO fetched_key VALUES ('fhi', 'k', 'EdDSA', '', 0, 0)",
        "SELECT proof FROM gaen_key",
        "SELECT proof FROM gaen_kept",
        "SELECT proof FROM gaen_publication",
        "UPDATE gaen_fresh SET authority = ''",
        "SELECT signed_report FROM tcn_report",
        "INSERT INTO feed (path, region, kind, role, created_at, last_end) VALUES ('XX/gaen', 'XX', 'gaen', 'verified', 0, 0)",
        "UPDATE gaen_publication SET transmission_risk = 8",
        "SELECT FROM chaff",
        "INSERT INTO chaff VALUES (1, '')",
        "UPDATE tcn_publication SET signed_report = ''",
        "UPDATE gaen_kept SET kid = ''",
        "UPDATE gaen_waiting SET release_at = 0",
        "UPDATE bundle SET member_digest = ''",
        "UPDATE bundle SET count = 0",
        "UPDATE feed SET path = 'XX/gaen'",
        "UPDATE bundle_bucket SET put_at = 0",
        "UPDATE bundle_signature SET key_id = ''",
        "UPDATE feed_number SET taken_at = 0",
        "UPDATE announced_key SET spki = ''",
        "UPDATE announced_gateway SET sha256 = ''",
        "UPDATE coepi_interval SET to_sequence = 9",
        "UPDATE gaen_quarantine SET class = 0",
        "UPDATE tcn_quarantine SET signed_report = ''",
        "SELECT FROM audit",
        "UPDATE audit SET reason = 'none'",
        "DELETE FROM audit",
        "CREATE TABLE mine ()",
    ]
    .map(str::to_owned)
    .into();
    for table in tables(&world).await {
        // What has died it deletes; feeds go on, and whose certificates are believed is none of its business.
        if ["spent_challenge", "self_report_tally", "upload_count"].contains(&table.as_str()) {
            statements.push(format!("SELECT FROM {table}"));
            statements.push(format!("DELETE FROM {table}"));
        }
        let kept = ["feed", "refinery_keys_history", "denied_key", "key_set", "key_set_fetch", "fetched_key"];
        if kept.contains(&table.as_str()) || table.starts_with("authority") {
            statements.push(format!("DELETE FROM {table}"));
        }
        statements.push(format!("TRUNCATE {table}"));
        statements.push(format!("DROP TABLE {table}"));
    }
    let statements: Vec<_> = statements.iter().map(String::as_str).collect();
    let allowed = allowed(&world, "pratique_exporter", &statements).await;
    assert!(allowed.is_empty(), "{allowed:#?}");
}

/// What an exporter does when operators recall a bundle, set rows aside and let them return; it is written down.
async fn amend(world: &World, exporter: &store::PostgresKeyStore) {
    use store::{EntryName, Quarantine, QuarantineOrder, RecallOrder, RecallOutcome, Recalls};
    let act = Some(act("recall"));
    accept(&world.store, 50..64, &[gaen()]).await.expect("accepted");
    let sealed = exporter.seal(&gaen(), &policy()).await.expect("sealed");
    let SealOutcome::Sealed(sequences) = sealed else { panic!("{sealed:?}") };
    let names = [50, 51].map(|number| EntryName::of(key(number).published.key.data()));
    let recall = RecallOrder { feed: gaen(), sequence: sequences[0], without: vec![names[0]], act: act.clone() };
    assert!(matches!(exporter.recall(&recall).await.expect("recalled"), RecallOutcome::Recalled(_)));
    let order = QuarantineOrder { feed: gaen(), entries: names.to_vec(), act };
    assert_eq!(exporter.set_aside(&order).await.expect("set aside").waiting, 1);
    assert_eq!(exporter.inspect_rows(&gaen()).await.expect("looked"), store::Findings::default());
    assert_eq!(exporter.quarantined(&gaen()).await.expect("read").len(), 2);
    assert_eq!(exporter.release(&order).await.expect("released").returned, 2);
    exporter.set_aside(&order).await.expect("set aside");
    assert_eq!(exporter.forget_quarantined().await.expect("nothing"), 0);
    exporter.forget_tombstones(10).await.expect("nothing");
    assert_eq!(world.store.acts(10).await.expect("read").len(), 4);
}

#[tokio::test]
async fn the_exporter_may_adopt_and_write_it_down() {
    let world = World::new().await;
    accept(&world.store, 0..14, &[gaen(), svalbard()]).await.expect("accepted");
    let exporter = world.as_role("pratique_exporter").await;
    let signing = vec![SigningKeyId { id: "242".into(), version: "v1".into() }];
    let policy = SealPolicy { signing, ..policy() };
    assert_eq!(exporter.seal(&gaen(), &policy).await.expect("sealed"), SealOutcome::Sealed(vec![1]));
    let signatures = vec![vec![3]];
    let derived = Derived { export_sha256: [1; 32], zip_sha256: [2; 32], zip_bytes: 400, signatures };
    exporter.record_derived(&gaen(), 1, &derived).await.expect("recorded");
    exporter.record_put(&gaen(), 1, "near").await.expect("recorded");
    let row = exporter.bundle(&gaen(), 1).await.expect("read").expect("sealed");
    let members = exporter.members(&gaen(), 1, None, 20).await.expect("read").members;
    // The same bundle, in the place of the one that stands there.
    let bundle = AdoptedBundle { row: row.clone(), number: 7, members };
    exporter.adopt_bundle(&gaen(), &bundle).await.expect("adopted");
    assert!(exporter.reports_by_digest(&[[0; 32]]).await.expect("read").is_empty());
    assert_eq!(exporter.standing_bundles(&gaen()).await.expect("read").len(), 1);
    let listing =
        Listing { number: 7, time: now(), keys: Vec::new(), gateways: Vec::new(), bundles: vec![row.clone()] };
    let (expired, recalled) = (Vec::new(), Vec::new());
    let adoption = Adoption { listing, next_sequence: 2, last_end: row.end, expired, recalled };
    exporter.adopt(&gaen(), &adoption, &act("exporter adopt")).await.expect("adopted");
    assert_eq!(exporter.renumber(&gaen()).await.expect("taken"), 8);
    assert_eq!(world.store.acts(10).await.expect("read").len(), 1);
}

async fn tables(world: &World) -> Vec<String> {
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let tables = world.sql().await.query(tables, &[]).await.expect("listed");
    tables.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_roles_of_the_operator_may_be_made_twice() {
    let world = World::new().await;
    let client = world.sql().await;
    for _ in 0..2 {
        client.batch_execute(include_str!("../../migrations/postgres/roles.sql")).await.expect("made");
    }
}

#[tokio::test]
async fn what_was_done_cannot_be_changed_and_names_who_did_it() {
    let world = World::new().await;
    let act = act("withdraw done");
    world.store.record(&act).await.expect("recorded");
    let owner = world.sql().await;
    for statement in ["UPDATE audit SET reason = 'none'", "DELETE FROM audit", "TRUNCATE audit"] {
        let error = owner.batch_execute(statement).await.expect_err("refused");
        assert!(format!("{error:?}").contains("append-only"), "{statement}: {error:?}");
    }
    let recorded = world.store.acts(10).await.expect("read");
    let user: String = owner.query_one("SELECT session_user::text", &[]).await.expect("known").get(0);
    assert_eq!((recorded[0].act.clone(), &recorded[0].database_user), (act, &user));
    // What the exporter's own commands do it writes down; it reads nothing of what others did.
    let insert = "INSERT INTO audit (at, act, subject, outcome, reason, os_user) VALUES (0, 'x', '{}', '{}', '', '')";
    for (role, statements) in
        [("pratique_server", &["SELECT FROM audit", insert][..]), ("pratique_exporter", &["SELECT FROM audit"])]
    {
        let allowed = allowed(&world, role, statements).await;
        assert!(allowed.is_empty(), "{role}: {allowed:?}");
    }
}

fn act(name: &str) -> Act {
    Act {
        at: now(),
        act: name.to_owned(),
        subject: "{}".to_owned(),
        outcome: "{}".to_owned(),
        reason: String::new(),
        os_user: "somebody".to_owned(),
    }
}
