//! What an authority's staff do on the command line.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::http;
use crate::program::{Served, complaint, json_of, run, set_up};

/// The columns of a list of codes.
const COLUMNS: [&str; 9] = [
    "uuid",
    "code",
    "expires_at",
    "long_code",
    "long_expires_at",
    "sms_status",
    "generated_sms",
    "error_code",
    "error",
];
const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

fn issue(dir: &Path) -> Value {
    json_of(dir, &["issue", "--authority", "no", "--test-type", "likely", "--uuid", UUID])
}

fn look(dir: &Path, command: &str) -> Value {
    json_of(dir, &[command, "--authority", "no", "--uuid", UUID])
}

#[test]
fn a_code_of_the_command_line_is_claimed_over_http() {
    let dir = tempfile::tempdir().expect("a directory");
    let [_, device] = set_up(dir.path());
    let served = Served::start(dir.path());
    let issued = issue(dir.path());
    assert_eq!(issue(dir.path()), issued, "the same request gets the same code");
    let expected = json!({
        "uuid": UUID, "claimed": false, "expires_at": issued["expires_at"], "long_expires_at": issued["long_expires_at"],
    });
    assert_eq!(look(dir.path(), "status"), expected);
    let claim = json!({ "code": issued["long_code"] });
    assert_eq!(http::post(served.address, "/api/verify", &device, &claim).status, 200);
    assert_eq!(look(dir.path(), "status")["claimed"], true);
    let late = complaint(dir.path(), &["expire", "--authority", "no", "--uuid", UUID]);
    assert!(late.contains("code_invalid"), "{late}");
}

#[test]
fn a_code_that_was_expired_is_nobodys() {
    let dir = tempfile::tempdir().expect("a directory");
    let [_, device] = set_up(dir.path());
    let issued = issue(dir.path());
    let expired = look(dir.path(), "expire");
    assert_eq!((&expired["claimed"], &expired["expires_at"]), (&json!(false), &expired["long_expires_at"]));
    assert_eq!(look(dir.path(), "expire"), expired);
    let served = Served::start(dir.path());
    for form in ["code", "long_code"] {
        let answer = http::post(served.address, "/api/verify", &device, &json!({ "code": issued[form] }));
        assert_eq!(answer.text("errorCode"), "code_expired");
    }
}

#[test]
fn what_was_claimed_after_the_copy_is_nobodys_in_a_restored_database() {
    let dir = tempfile::tempdir().expect("a directory");
    let [_, device] = set_up(dir.path());
    let issued = issue(dir.path());
    let claimed = json_of(dir.path(), &["issue", "--authority", "no", "--test-type", "likely"]);
    let verify = |served: &Served, code: &Value| {
        http::post(
            served.address,
            "/api/verify",
            &device,
            &json!({ "code": code, "nonce": "AAECAwQFBgcICQoLDA0ODw==" }),
        )
    };
    let database = |name: &str| dir.path().join(name);
    let token = {
        let served = Served::start(dir.path());
        verify(&served, &claimed["long_code"]).text("token")
    };
    // The copy is made while the service stands still; then somebody claims the other code, and the disk is lost.
    for suffix in ["", "-wal"] {
        std::fs::copy(database(&format!("codes.db{suffix}")), database(&format!("copy.db{suffix}"))).expect("copied");
    }
    assert_eq!(verify(&Served::start(dir.path()), &issued["long_code"]).status, 200);
    for suffix in ["", "-wal"] {
        std::fs::rename(database(&format!("copy.db{suffix}")), database(&format!("codes.db{suffix}")))
            .expect("restored");
    }
    let nobody = complaint(dir.path(), &["expire", "--all", "--authority", "nobody"]);
    assert!(nobody.contains("authority"), "{nobody}");
    assert_eq!(json_of(dir.path(), &["expire", "--all"]), json!({ "expired": 1 }));
    assert_eq!(json_of(dir.path(), &["expire", "--all", "--authority", "no"]), json!({ "expired": 0 }));

    let served = Served::start(dir.path());
    assert_eq!(verify(&served, &issued["long_code"]).text("errorCode"), "code_expired");
    let commitment = json!({ "token": token, "ekeyhmac": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" });
    let answer = http::post(served.address, "/api/certificate", &device, &commitment);
    assert_eq!(answer.status, 200, "what had become a token stays one");
    let later = json_of(dir.path(), &["issue", "--authority", "no", "--test-type", "likely"]);
    assert_eq!(verify(&served, &later["code"]).status, 200, "new codes are as good as ever");
}

#[test]
fn words_for_people_group_the_code_and_name_its_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    set_up(dir.path());
    let crockford = ["authority", "update", "--id", "no", "--code-form", "crockford"];
    assert_eq!(json_of(dir.path(), &crockford)["code_minutes"], 1_440);
    let output = run(dir.path(), &["issue", "--authority", "no", "--test-type", "confirmed"]);
    let text = String::from_utf8(output.stdout).expect("text");
    let code = text.split("  until ").next().expect("a code");
    assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 3], "{text}");
    assert!(text.contains(" GMT\n") && text.contains("\nuuid "), "{text}");
}

#[test]
fn a_list_of_people_becomes_a_list_of_codes() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let [_, device] = set_up(dir);
    let list = format!(
        "uuid,testType,externalIssuerID,tzOffset\n{UUID},likely,\"Oslo, north\",60\n,negative,,\n,maybe,,\n,confirmed,,-60\n"
    );
    std::fs::write(dir.join("people.csv"), list).expect("written");
    let command = ["issue", "--authority", "no", "--csv", "people.csv"];
    let said = complaint(dir, &[&command[..], &["--output", "codes.csv"]].concat());
    assert!(said.contains("Codes issued: 3. Rows refused: 1."), "{said}");
    let mode = std::fs::metadata(dir.join("codes.csv")).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "codes are nobody else's to read");

    let mut reader = csv::Reader::from_path(dir.join("codes.csv")).expect("readable");
    let columns = reader.headers().expect("columns").clone();
    assert_eq!(columns, COLUMNS[..]);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    assert_eq!(rows.iter().map(|row| &row[7]).collect::<Vec<_>>(), ["", "", "invalid_test_type", ""]);
    assert_eq!((&rows[0][0], rows[2][1].len(), rows[2][3].len()), (UUID, 0, 0));
    let served = Served::start(dir);
    for (row, form) in [(1, 1), (3, 3)] {
        let claim = json!({ "code": rows[row][form] });
        assert_eq!(http::post(served.address, "/api/verify", &device, &claim).status, 200);
    }

    // Again, on stdout, as JSON: whoever has a uuid has the same code.
    let again = run(dir, &[&["--json"], &command[..]].concat());
    let lines: Vec<Value> = String::from_utf8(again.stdout)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((lines[0]["code"].as_str(), lines[0]["long_code"].as_str()), (Some(&rows[0][1]), Some(&rows[0][3])));
    assert_eq!(lines[2]["error_code"], "invalid_test_type");
    let kept = complaint(dir, &[&command[..], &["--output", "codes.csv"]].concat());
    assert!(kept.contains("codes.csv"), "an existing list is kept: {kept}");
}

#[test]
fn a_list_that_cannot_be_read_to_its_end_issues_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    set_up(dir);
    let good = format!("{UUID},likely\n");
    for (head, tail) in [
        ("uuid,testType", ",likely,more\n"),
        ("uuid,type", ""),
        ("uuid,testType,colour", ""),
        ("uuid,phone", ""),
        ("", ""),
    ] {
        std::fs::write(dir.join("people.csv"), format!("{head}\n{good}{tail}")).expect("written");
        complaint(dir, &["issue", "--authority", "no", "--csv", "people.csv"]);
        let unknown = complaint(dir, &["status", "--authority", "no", "--uuid", UUID]);
        assert!(unknown.contains("code_not_found"), "{head}: {unknown}");
    }
    complaint(dir, &["issue", "--authority", "no", "--csv", "nobody.csv"]);
    std::fs::write(dir.join("people.csv"), format!("uuid,testType\n{good}")).expect("written");
    assert!(
        complaint(dir, &["issue", "--authority", "se", "--csv", "people.csv", "--output", "se.csv"])
            .contains("authority")
    );
}

#[test]
fn neither_form_is_on_the_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    set_up(dir.path());
    let issued = issue(dir.path());
    let files = std::fs::read_dir(dir.path()).expect("read").map(|file| file.expect("a file").path());
    let files =
        files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("codes.db")));
    let disk: Vec<u8> = files.flat_map(|path| std::fs::read(path).expect("read")).collect();
    let holds = |needle: &[u8]| disk.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"pratique"), "the search finds what is there");
    for form in ["code", "long_code"] {
        assert!(!holds(issued[form].as_str().expect("a code").as_bytes()), "{form}");
    }
}

#[test]
fn what_an_authority_may_not_want_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    set_up(dir);
    let before = json_of(dir, &["authority", "list"]);
    for (flag, value, field) in [
        ("--code-length", "7", "code_length"),
        ("--code-minutes", "61", "code_minutes"),
        ("--long-code-hours", "25", "long_code_hours"),
        ("--issuer", "", "issuer"),
    ] {
        let said = complaint(dir, &["authority", "update", "--id", "no", flag, value]);
        assert!(said.contains(&format!("{field}: must be")), "{said}");
    }
    assert!(
        complaint(dir, &["authority", "update", "--id", "se", "--require-date", "true"]).contains("authority list")
    );
    assert_eq!(json_of(dir, &["authority", "list"]), before);
    let changed = json_of(dir, &["authority", "update", "--id", "no", "--code-length", "10", "--require-date", "true"]);
    assert_eq!((&changed["code_length"], &changed["date_required"]), (&json!(10), &json!(true)));
    let listed = json_of(dir, &["authority", "list"]);
    for (name, value) in changed.as_object().expect("an object") {
        assert_eq!(listed[0][name], *value, "{name}");
    }
    assert!(complaint(dir, &["authority", "create", "--id", "no"]).contains("verification authority update"));
}

#[test]
fn an_authority_reads_its_days_in_numbers() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    set_up(dir);
    let command = ["stats", "--authority", "no"];
    let nothing = run(dir, &command);
    assert!(String::from_utf8_lossy(&nothing.stdout).starts_with("Nothing to show yet"));
    assert_eq!(json_of(dir, &command), json!({ "statistics": [], "totals": [] }));
    let csv = run(dir, &[&command[..], &["--csv"]].concat());
    assert!(csv.stdout.starts_with(b"date,codes_issued,"));
    let unknown = complaint(dir, &["stats", "--authority", "se"]);
    assert!(unknown.contains("verification authority list"), "{unknown}");
    let odd = run(dir, &[&command[..], &["--withhold-below", "15"]].concat());
    assert!(!odd.status.success() && String::from_utf8_lossy(&odd.stderr).contains("multiple of 10"));
}
