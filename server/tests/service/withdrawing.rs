//! `server withdraw` and `server audit` as an operator meets them.

use proto::bundle::GaenEntry;
use proto::gaen::TemporaryExposureKey;
use proto::{Feed, Interval, Kind, ReportType};
use serde_json::{Value, json};
use store::{
    AcceptedKey, Clock, Keys, OnsetSource, Origin, Provenance, RawKey, RevisionProof, Selection, SqliteKeyStore,
    WithdrawalKind, Withdrawals, release_at,
};

use crate::program::Desk;

const ADD: &str = "authority add --id north --public-key north.pem --region NO SE";
const REASON: &str = "--reason=their_key_was_stolen";

/// A desk whose database holds so many keys that came under one signing key.
async fn desk(keys: u32) -> (Desk, SqliteKeyStore) {
    let desk = Desk::new();
    assert!(desk.run(ADD).status.success());
    let clock = Clock::system();
    let store = SqliteKeyStore::open(&desk.directory.path().join("keys.db"), clock.clone()).expect("opened");
    let (kid, origin, received) = ("stolen".to_owned(), Origin::Ours, clock.now());
    let provenance = Provenance { authority: "north".to_owned(), kid, origin, received, policy_version: 1 };
    let feeds = [Feed::verified("NO".parse().expect("a region"), Kind::Gaen)];
    let start = Interval::containing(received).midnight().plus(-3 * 144);
    let accepted = (0..keys).map(|number| {
        let mut data = [7; 16];
        data[..4].copy_from_slice(&number.to_be_bytes());
        let key = TemporaryExposureKey::new(&data, start.number().into(), 144).expect("a key");
        let report_type = ReportType::Confirmed;
        let raw = RawKey {
            transmission_risk: 3,
            report_type,
            onset: start,
            onset_source: OnsetSource::Certificate,
            proof: RevisionProof::default(),
        };
        let published =
            GaenEntry { key, transmission_risk: 3, report_type: Some(report_type), days_since_onset: Some(0) };
        AcceptedKey { raw, published, release_at: release_at(key.validity_end(), received) }
    });
    let accepted: Vec<_> = accepted.collect();
    store.accept_keys(&accepted, &feeds, &provenance).await.expect("accepted");
    (desk, store)
}

fn counts(waiting: u64, tombstones: u64) -> Value {
    let selected = waiting + tombstones;
    let feeds =
        if waiting == 0 { json!({}) } else { json!({ "NO/gaen": { "waiting": waiting, "sealed": 0, "revoked": 0 } }) };
    json!({ "selected": selected, "tombstones": tombstones, "feeds": feeds })
}

/// What was written down but for how the authority came to be there.
fn acts(desk: &Desk) -> Value {
    let acts = desk.json("audit list --json");
    acts.as_array().expect("a list").iter().filter(|act| act["act"] != "authority add").cloned().collect()
}

#[tokio::test]
async fn a_withdrawal_says_first_what_it_would_do_and_then_does_that() {
    let (desk, _) = desk(14).await;
    let command = "withdraw --authority NORTH --kid stolen";
    let foreseen = desk.json(&format!("{command} --json"));
    assert_eq!((&foreseen["applied"], &foreseen["counts"]["gaen"]), (&Value::from(false), &counts(14, 0)));
    assert_eq!(foreseen["counts"]["tcn-self"], counts(0, 0));
    let text = String::from_utf8(desk.run(command).stdout).expect("text");
    for line in [
        "gaen: 14 keys selected\n",
        "  NO/gaen: 14 wait and would never be published; 0 are published and would be revoked; 0 had been revoked before\n",
        "microG reads them",
        "Nothing was changed. Add --apply --reason TEXT to do it.\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(acts(&desk), json!([]), "looking is not doing");
    assert_eq!(desk.json(&format!("{command} --json")), foreseen);

    let done = desk.json(&format!("{command} --kind gaen --apply {REASON} --json"));
    assert_eq!((&done["applied"], &done["counts"]), (&Value::from(true), &json!({ "gaen": counts(14, 0) })));
    let again = String::from_utf8(desk.run(&format!("{command} --apply {REASON}")).stdout).expect("text");
    assert!(again.contains("  14 had been taken back before they were published\n"), "{again}");
    assert!(again.ends_with("Done, and written down; see server audit list.\n"), "{again}");

    let acts = acts(&desk);
    let names: Vec<_> = acts.as_array().expect("a list").iter().map(|act| act["act"].clone()).collect();
    assert_eq!(names, ["withdraw begun", "withdraw done", "withdraw begun", "withdraw done"]);
    assert_eq!(acts[1]["outcome"], json!({ "gaen": counts(14, 0) }));
    assert_eq!(acts[1]["subject"]["kid"], "stolen");
    assert_eq!((&acts[1]["reason"], &acts[1]["database_user"]), (&"their_key_was_stolen".into(), &"".into()));
    assert_eq!(desk.json("audit list --last 1 --json"), json!([acts[3]]));
    let text = String::from_utf8(desk.run("audit list").stdout).expect("text");
    assert!(text.contains("  withdraw done  by ") && text.contains("because their_key_was_stolen"), "{text}");
}

#[tokio::test]
async fn what_a_withdrawal_selects_is_what_it_is_asked_for() {
    let (desk, _) = desk(3).await;
    let selected = |flags: &str| {
        let value = desk.json(&format!("withdraw --authority north --json {flags}"));
        value["counts"]["gaen"]["selected"].as_u64()
    };
    assert_eq!(selected(""), Some(3));
    assert_eq!(selected("--kid other"), Some(0));
    assert_eq!(selected("--day 2020-01-01"), Some(0));
    assert_eq!(selected("--day 2020-01-01 --until 2120-01-01"), Some(3));
    assert_eq!(selected("--kind tcn"), None);
    for (flags, advice) in [
        ("withdraw", "--authority"),
        ("withdraw --authority north --apply", "--reason"),
        ("withdraw --authority north --reason x", "--apply"),
        ("withdraw --authority north --until 2026-01-01", "--day"),
        ("withdraw --authority north --day 2026-01-02 --until 2026-01-01", "--until must not be before --day"),
        ("withdraw --authority north --day tomorrow", "must be a day, as 2026-11-22"),
        ("withdraw --authority north --kind keys", "must be gaen, tcn or tcn-self"),
        ("withdraw --authority north --apply --reason=", "one line of 1 to 500 characters"),
    ] {
        let complaint = desk.complaint(flags);
        assert!(complaint.contains(advice), "{flags}: {complaint}");
    }
    assert_eq!(acts(&desk), json!([]));
}

#[tokio::test]
async fn a_withdrawal_that_was_killed_is_finished_by_the_same_command() {
    let (desk, store) = desk(2_000).await;
    // As far as it came: some of it is done, and nothing else is.
    let kind = WithdrawalKind::Gaen;
    let all = Selection { kind, authority: "north".to_owned(), kid: None, times: None };
    let picked = store.pick(&all).await.expect("picked");
    store.withdraw(Kind::Gaen, &picked[..700]).await.expect("withdrawn");
    let done = desk.json(&format!("withdraw --authority north --apply {REASON} --json"));
    assert_eq!(done["counts"]["gaen"], counts(1_300, 700));
    assert_eq!(desk.json("withdraw --authority north --json")["counts"]["gaen"], counts(0, 2_000));
}

#[test]
fn a_denial_is_written_down() {
    let desk = Desk::new();
    assert!(desk.run(ADD).status.success());
    desk.json("deny-key --authority north --kid stolen --since 2026-01-01 --json");
    let acts = acts(&desk);
    assert_eq!((&acts[0]["act"], &acts[0]["subject"]["kid"]), (&"deny-key".into(), &"stolen".into()));
    assert_eq!(acts[0]["outcome"], json!({ "denied_since": "2026-01-01T00:00:00Z", "changed": true }));
}
