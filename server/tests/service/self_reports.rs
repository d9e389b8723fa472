//! Reports without a certificate: the dialects of apps in the field, whom an authority lets, and what is asked of them.

use proto::api::self_reports::{ChallengeReply, SubmitReportRequest};
use proto::api::{base64, publish::PublishReply};
use proto::proof_of_work::{Difficulty, Proof};
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};
use proto::{ReportType, bundle::TcnClass};
use server::SelfReportSettings;
use server::admin::{AuthorityChange, update_authority};
use store::{Member, SealOutcome, SealPolicy, SelfReporting};

use crate::system::System;
use crate::wire::{Reply, exchange, request};

const OPEN: SelfReporting = SelfReporting::Open { per_hour: 1_000 };
const JSON: Option<&str> = Some("application/json");

/// A server whose bare paths are the north's, which takes such reports like this, and where work is quickly done.
async fn system(north: SelfReporting) -> System {
    let settings = SelfReportSettings {
        self_report_authority: Some("North".to_owned()),
        proof_memory_kib: 8,
        proof_bits: 3,
        ..SelfReportSettings::default()
    };
    let system = System::start_with(&settings).await;
    allow(&system, "north", north).await;
    system
}

async fn allow(system: &System, id: &str, self_reports: SelfReporting) {
    let change = AuthorityChange { self_reports: Some(self_reports), ..AuthorityChange::default() };
    update_authority(&system.state, id, change).await.expect("changed");
}

pub(crate) fn report(person: u8, memo: &[u8], first: u16, last: u16) -> SignedReport {
    let key = ReportAuthorizationKey::from_seed([person; 32]);
    let memo = Memo::new(MemoType::CoEpiV1, memo).expect("a memo");
    SignedReport::create(&key, &memo, first, last).expect("a report")
}

/// CoEpi's body.
pub(crate) fn bare(report: &[u8]) -> Vec<u8> {
    base64::encode(report).into_bytes()
}

/// Covid Watch's body, as its iPhone app wrote it.
fn parts(report: &[u8]) -> Vec<u8> {
    let number = |at: usize| i64::from(i16::from_le_bytes([report[at], report[at + 1]]));
    let (memo, signature) = report[70..].split_at(report.len() - 70 - 64);
    let request = SubmitReportRequest {
        temporary_contact_key_bytes: base64::encode(&report[32..64]),
        start_index: number(64),
        end_index: number(66),
        memo_data: base64::encode(memo),
        memo_type: report[68].into(),
        report_verification_public_key_bytes: base64::encode(&report[..32]),
        signature_bytes: base64::encode(signature),
    };
    serde_json::to_vec(&request).expect("JSON")
}

/// A way to write a report, and where.
type Dialect = (&'static str, fn(&[u8]) -> Vec<u8>);
const DIALECTS: [Dialect; 3] = [("/tcnreport/0.4.0", bare), ("/tcnreport/v0.4.0", bare), ("/submitReport", parts)];

async fn post(system: &System, path: &str, body: &[u8]) -> Reply {
    system.send(request("POST", path, JSON, body)).await
}

fn waiting(feeds: &[(&str, u64)]) -> Vec<(String, u64)> {
    feeds.iter().map(|(feed, count)| ((*feed).to_owned(), *count)).collect()
}

#[actix_web::test]
async fn what_people_report_themselves_goes_to_a_feed_of_its_own_in_every_dialect() {
    let system = system(OPEN).await;
    for (person, (path, write)) in (1..).zip(DIALECTS) {
        let reply = post(&system, path, &write(report(person, &[7; 100], 32_000, 33_000).as_bytes())).await;
        assert_eq!((reply.status, reply.json().inserted_exposures), (200, Some(1)), "{path}: {}", reply.error());
        let count = person.into();
        assert_eq!(system.stored().await, waiting(&[("NO/tcn-self", count), ("SE/tcn-self", count)]));
    }
    system.wait_for_the_quarter();
    let (feed, policy) = ("NO/tcn-self".parse().expect("a feed"), policy());
    assert_eq!(system.store.seal(&feed, &policy).await.expect("sealed"), SealOutcome::Sealed(vec![1]));
    for (_, member) in system.store.members(&feed, 1, None, 10).await.expect("read").members {
        let Member::Tcn(entry) = member else { panic!("a key among reports") };
        assert_eq!((entry.class, entry.report_type), (TcnClass::SelfReported, ReportType::UserReport));
    }
}

fn policy() -> SealPolicy {
    SealPolicy { max_entries: 100, max_bytes: 1 << 20, ..SealPolicy::default() }
}

#[actix_web::test]
async fn apps_label_their_bodies_as_they_like() {
    let system = system(OPEN).await;
    for (path, write) in DIALECTS {
        let body = write(report(1, b"", 1, 24).as_bytes());
        for label in [None, JSON, Some("text/plain"), Some("application/json; charset=utf-8"), Some("nonsense")] {
            assert_eq!(system.send(request("POST", path, label, &body)).await.status, 200, "{path} as {label:?}");
        }
    }
}

#[actix_web::test]
async fn nobody_reports_without_a_certificate_where_it_is_off() {
    let system = System::start().await;
    for (path, write) in DIALECTS {
        let body = write(report(1, b"", 1, 24).as_bytes());
        // Bare paths are nobody's here, and the north has said nothing, which is off.
        for path in [path.to_owned(), format!("/self/north{path}")] {
            system.assert_refused(&post(&system, &path, &body).await, 403, "self_reports_off").await;
        }
        let unknown = post(&system, &format!("/self/west{path}"), &body).await;
        system.assert_refused(&unknown, 401, "unknown_health_authority_id").await;
    }
}

#[actix_web::test]
async fn an_authority_in_the_path_goes_before_that_of_the_bare_paths() {
    let system = system(OPEN).await;
    allow(&system, "south", OPEN).await;
    for (path, write) in DIALECTS {
        let body = write(report(path.len().try_into().expect("short"), b"", 1, 24).as_bytes());
        assert_eq!(post(&system, &format!("/self/SOUTH{path}"), &body).await.status, 200, "in any case");
    }
    assert_eq!(system.stored().await, waiting(&[("DK/tcn-self", 3)]));
}

#[actix_web::test]
async fn a_report_is_answered_alike_whether_or_not_it_is_known() {
    let system = system(OPEN).await;
    let body = |person, last| bare(report(person, b"", 1, last).as_bytes());
    let first = post(&system, "/tcnreport/0.4.0", &body(1, 24)).await;
    for known in [body(1, 24), body(1, 48), body(2, 24)] {
        assert_eq!(post(&system, "/tcnreport/0.4.0", &known).await, first);
    }
    assert_eq!(post(&system, "/submitReport", &parts(report(1, b"", 1, 24).as_bytes())).await, first);
    assert_eq!(system.stored().await, waiting(&[("NO/tcn-self", 2), ("SE/tcn-self", 2)]), "one report a person, ever");
}

/// Bytes that are refused with 400 in each dialect.
fn bad_bytes() -> Vec<(&'static str, Vec<u8>)> {
    let good = report(9, b"ab", 2, 10).as_bytes().to_vec();
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        bad
    };
    vec![
        ("j1 of 0", with(64, &[0, 0])),
        ("j2 below j1", with(66, &[1, 0])),
        ("65,534 numbers", with(66, &[0xff, 0xff])),
        ("1,346 numbers", with(66, &1_347_u16.to_le_bytes())),
        ("an unknown memo type", with(68, &[4])),
        ("the reserved memo type", with(68, &[255])),
    ]
}

#[actix_web::test]
async fn impossible_spans_and_unknown_memos_are_refused_in_every_dialect() {
    let system = system(OPEN).await;
    for (path, write) in DIALECTS {
        for (what, bad) in bad_bytes() {
            let reply = post(&system, path, &write(&bad)).await;
            assert_eq!(reply.status, 400, "{path}: {what}");
            system.assert_refused(&reply, 400, "bad_request").await;
        }
    }
}

#[actix_web::test]
async fn trailing_bytes_and_lengths_read_as_signed_bytes_are_refused() {
    let system = system(OPEN).await;
    let good = report(9, &[1; 200], 2, 10).as_bytes().to_vec();
    // Read as a signed byte, 200 is -56, and the report would be 134 - 56 bytes long.
    let signed = good[..134 - 56].to_vec();
    for bad in [[&good[..], b"x"].concat(), good[..good.len() - 1].to_vec(), signed, vec![], vec![0; 390]] {
        system.assert_refused(&post(&system, "/tcnreport/0.4.0", &bare(&bad)).await, 400, "bad_request").await;
    }
    assert_eq!(
        post(&system, "/tcnreport/0.4.0", &bare(&good)).await.status,
        200,
        "200 bytes of memo are none too many"
    );
}

#[actix_web::test]
async fn a_body_of_another_form_is_refused_and_never_repeated() {
    let system = system(OPEN).await;
    let json = String::from_utf8(parts(report(9, b"", 1, 24).as_bytes())).expect("text");
    let broken = [
        ("/tcnreport/0.4.0", String::new()),
        ("/tcnreport/0.4.0", "secret*".to_owned()),
        ("/tcnreport/0.4.0", json.clone()),
        ("/tcnreport/0.4.0", format!("\"{}\"", base64::encode(report(9, b"", 1, 24).as_bytes()))),
        ("/submitReport", String::new()),
        ("/submitReport", "[]".to_owned()),
        ("/submitReport", "{}".to_owned()),
        ("/submitReport", json.replace("\"start_index\":1", "\"start_index\":\"secret\"")),
        ("/submitReport", json.replace("\"start_index\":1", "\"start_index\":65536")),
        ("/submitReport", json.replace("\"end_index\":24", "\"end_index\":-32769")),
        ("/submitReport", json.replace("\"memo_type\":0", "\"memo_type\":-1")),
        ("/submitReport", json.replace("\"memo_data\":\"\"", "\"memo_data\":\"secret*\"")),
        ("/submitReport", base64::encode(report(9, b"", 1, 24).as_bytes())),
    ];
    for (path, body) in broken {
        let reply = post(&system, path, body.as_bytes()).await;
        system.assert_refused(&reply, 400, "bad_request").await;
        assert!(!reply.error().contains("secret"), "{}", reply.error());
    }
    let reply = post(&system, "/tcnreport/0.4.0", b"\xff\xfe").await;
    system.assert_refused(&reply, 400, "bad_request").await;
}

#[actix_web::test]
async fn a_signature_that_does_not_hold_strictly_is_401_in_every_dialect() {
    let system = system(OPEN).await;
    let good = report(9, b"ab", 2, 10).as_bytes().to_vec();
    let length = good.len();
    for (path, write) in DIALECTS {
        for at in [0, 40, 64, 71, length - 64, length - 1] {
            let mut forged = good.clone();
            forged[at] ^= 1;
            let reply = post(&system, path, &write(&forged)).await;
            system.assert_refused(&reply, 401, "report_signature_invalid").await;
        }
        // The neutral element as key and as R, and s = 0: holds for any report wherever checks are not strict.
        let mut weak = good.clone();
        weak[..32].copy_from_slice(&[&[1][..], &[0; 31]].concat());
        weak[length - 64..].copy_from_slice(&[&[1][..], &[0; 63]].concat());
        let reply = post(&system, path, &write(&weak)).await;
        system.assert_refused(&reply, 401, "report_signature_invalid").await;
    }
}

#[actix_web::test]
async fn an_open_authority_takes_so_many_an_hour_and_says_when_to_come_back() {
    let system = system(SelfReporting::Open { per_hour: 5 }).await;
    // Away from the end of the hour, which the test must not cross.
    let into_the_hour = system.now().unix().rem_euclid(3_600);
    system.clock.set_offset(system.clock.offset() + 3_600 + 600 - into_the_hour);
    let under_way: Vec<_> = (0..20)
        .map(|person| {
            let (path, write) = DIALECTS[usize::from(person) % 3];
            let body = request("POST", path, JSON, &write(report(person, b"", 1, 24).as_bytes()));
            let address = system.address;
            actix_web::rt::task::spawn_blocking(move || exchange(address, &body))
        })
        .collect();
    let mut taken = 0;
    for reply in under_way {
        let reply = reply.await.expect("an exchange");
        if reply.status == 200 {
            taken += 1;
            continue;
        }
        assert_eq!((reply.status, reply.code().as_str(), reply.body.len()), (429, "too_many_requests", 4_096));
        assert!(reply.header_names.contains(&"retry-after".to_owned()));
    }
    assert_eq!(taken, 5);
    assert_eq!(system.stored().await, waiting(&[("NO/tcn-self", 5), ("SE/tcn-self", 5)]));
    let body = bare(report(1, b"", 1, 24).as_bytes());
    assert_eq!(post(&system, "/tcnreport/0.4.0", &body).await.status, 429, "known or not");
    let forged = bare(&[&report(1, b"", 1, 24).as_bytes()[..133], &[0]].concat());
    assert_eq!(post(&system, "/tcnreport/0.4.0", &forged).await.status, 401, "what cannot be true is not counted");
    system.clock.set_offset(system.clock.offset() + 3_600);
    assert_eq!(post(&system, "/tcnreport/0.4.0", &body).await.status, 200, "in the next hour");
}

/// Asks for a challenge.
async fn challenge(system: &System) -> ChallengeReply {
    let reply = post(system, "/v1/challenge", br#"{"padding":"xxxx"}"#).await;
    assert_eq!((reply.status, reply.body.len()), (200, 4_096));
    serde_json::from_slice(&reply.body).expect("JSON")
}

/// Does the work, as an app does.
fn work(challenge: &ChallengeReply, report: &SignedReport) -> Proof {
    let difficulty = Difficulty::new(challenge.memory_kib, challenge.passes, challenge.bits).expect("within bounds");
    difficulty.prove(&challenge.challenge, report)
}

fn with_proof(path: &str, body: &[u8], proof: &str) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nX-Proof-Of-Work: {proof}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// Posts a report with a proof.
async fn post_worked(system: &System, report: &SignedReport, proof: &str) -> Reply {
    system.send(with_proof("/tcnreport/0.4.0", &bare(report.as_bytes()), proof)).await
}

#[actix_web::test]
async fn who_has_worked_is_let_in_and_a_lost_answer_costs_no_more_work() {
    let system = system(SelfReporting::ProofOfWork).await;
    for (person, (path, write)) in (1..).zip(DIALECTS) {
        let report = report(person, b"", 1, 24);
        let proof = work(&challenge(&system).await, &report).to_string();
        let request = with_proof(path, &write(report.as_bytes()), &proof);
        let first = system.send(request.clone()).await;
        assert_eq!(first.status, 200, "{}", first.error());
        assert_eq!(system.send(request).await, first);
    }
    assert_eq!(system.stored().await, waiting(&[("NO/tcn-self", 3), ("SE/tcn-self", 3)]));
}

#[actix_web::test]
async fn who_has_not_worked_is_refused_and_told_why() {
    let system = system(SelfReporting::ProofOfWork).await;
    let (mine, other) = (report(1, b"", 1, 24), report(2, b"", 1, 24));
    let none = post(&system, "/tcnreport/0.4.0", &bare(mine.as_bytes())).await;
    system.assert_refused(&none, 403, "proof_of_work_required").await;

    let given = challenge(&system).await;
    let difficulty = Difficulty::new(given.memory_kib, given.passes, given.bits).expect("within bounds");
    let guess = |number| Proof { challenge: given.challenge.clone(), number };
    let wrong = (0..).map(guess).find(|proof| !difficulty.accepts(proof, &mine)).expect("most are");
    let stolen = (0..).map(guess).find(|proof| difficulty.accepts(proof, &other) && !difficulty.accepts(proof, &mine));
    let mut foreign = work(&given, &mine);
    foreign.challenge.replace_range(3..4, if foreign.challenge[3..4] == *"A" { "B" } else { "A" });
    for proof in [wrong, stolen.expect("some are"), foreign] {
        let reply = post_worked(&system, &mine, &proof.to_string()).await;
        system.assert_refused(&reply, 403, "proof_of_work_invalid").await;
    }
    for nonsense in ["", "x", "x.-1", "x.1.2", "\u{e9}.1"] {
        let reply = post_worked(&system, &mine, nonsense).await;
        system.assert_refused(&reply, 400, "bad_request").await;
    }
    let proof = work(&given, &mine).to_string();
    assert_eq!(post_worked(&system, &mine, &proof).await.status, 200, "nothing of that burned the challenge");
}

#[actix_web::test]
async fn a_challenge_expires() {
    let system = system(SelfReporting::ProofOfWork).await;
    let report = report(1, b"", 1, 24);
    let proof = work(&challenge(&system).await, &report).to_string();
    system.clock.set_offset(system.clock.offset() + 601);
    system.assert_refused(&post_worked(&system, &report, &proof).await, 403, "challenge_expired").await;
}

#[actix_web::test]
async fn of_fifty_reports_under_one_challenge_one_is_taken() {
    let system = system(SelfReporting::ProofOfWork).await;
    let given = challenge(&system).await;
    let under_way: Vec<_> = (0..50)
        .map(|person| {
            let report = report(person, b"", 1, 24);
            let proof = work(&given, &report).to_string();
            let body = with_proof("/tcnreport/0.4.0", &bare(report.as_bytes()), &proof);
            let address = system.address;
            actix_web::rt::task::spawn_blocking(move || exchange(address, &body))
        })
        .collect();
    let mut taken = 0;
    for reply in under_way {
        let reply = reply.await.expect("an exchange");
        match (reply.status, reply.code().as_str()) {
            (200, _) => taken += 1,
            // Fifty are fewer than may wait, so nobody is turned away for that.
            (status, code) => assert_eq!((status, code), (403, "challenge_spent")),
        }
    }
    assert_eq!(taken, 1);
    assert_eq!(system.stored().await, waiting(&[("NO/tcn-self", 1), ("SE/tcn-self", 1)]));
}

#[actix_web::test]
async fn every_answer_to_an_app_has_the_size_and_the_headers_of_every_other() {
    let system = system(OPEN).await;
    let known: PublishReply = post(&system, "/v1/publish", b"{}").await.json();
    assert!(known.code.is_some());
    let expected = post(&system, "/v1/publish", b"{}").await.header_names;
    let good = report(1, b"", 1, 24);
    let long = vec![b'A'; 64_001];
    let mut replies = Vec::new();
    for (path, write) in DIALECTS {
        replies.push((200, post(&system, path, &write(good.as_bytes())).await));
        replies.push((400, post(&system, path, b"!").await));
        replies.push((401, post(&system, path, &write(&[&good.as_bytes()[..133], &[0]].concat())).await));
        replies.push((403, post(&system, &format!("/self/south{path}"), &write(good.as_bytes())).await));
        replies.push((401, post(&system, &format!("/self/none{path}"), &write(good.as_bytes())).await));
        replies.push((404, post(&system, &format!("/self{path}/x"), b"").await));
        replies.push((405, system.send(request("GET", path, None, b"")).await));
        replies.push((413, post(&system, path, &long).await));
    }
    replies.push((200, post(&system, "/v1/challenge", b"{}").await));
    replies.push((400, post(&system, "/v1/challenge", b"{\"x\":1}").await));
    replies.push((415, system.send(request("POST", "/v1/challenge", None, b"{}")).await));
    replies.push((405, system.send(request("GET", "/v1/challenge", None, b"")).await));
    for (status, reply) in replies {
        assert_eq!((reply.status, reply.body.len()), (status, 4_096));
        assert_eq!(reply.header_names, expected, "{status}");
    }
}
