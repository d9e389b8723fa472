//! The program `server` as an operator meets it: what it prints, how it ends, what it says when something is wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use proto::ReportType::Confirmed;
use serde_json::Value;
use store::Clock;
use tempfile::TempDir;

use crate::authority::NORTH;
use crate::phone;
use crate::self_reports;
use crate::wire::{exchange, request};

/// A directory with a database to be and an authority's public key.
pub(crate) struct Desk {
    pub(crate) directory: TempDir,
    database_url: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::on("sqlite:keys.db".to_owned())
    }

    /// The same with a database that is there already.
    pub(crate) fn on(database_url: String) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("north.pem"), NORTH.public_key().to_pem()).expect("written");
        std::fs::write(directory.path().join("no.pem"), "no key").expect("written");
        Self { directory, database_url }
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
        command.args(arguments.split_whitespace()).current_dir(self.directory.path());
        command.env_clear().env("SERVER_DATABASE_URL", &self.database_url);
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    /// What a command that succeeds prints, as JSON.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What a command that fails says.
    pub(crate) fn complaint(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments} should fail");
        String::from_utf8(output.stderr).expect("text")
    }
}

pub(crate) const ADD: &str = "authority add --id North --public-key north.pem --region NO SE";

#[test]
fn an_authority_is_added_listed_and_replaced() {
    let desk = Desk::new();
    let added = desk.json(&format!("{ADD} --json"));
    assert_eq!(
        (&added["id"], &added["issuer"], &added["audience"]),
        (&"north".into(), &"north".into(), &"pratique".into())
    );
    assert_eq!(added["regions"], serde_json::json!(["NO", "SE"]));
    assert_eq!(added["keys"][0]["algorithm"], "EdDSA");
    assert_eq!(added["keys"][0]["kid"].as_str().map(str::len), Some(43));
    assert_eq!(desk.json("--json authority list"), Value::Array(vec![added.clone()]));
    assert_eq!(desk.json(&format!("{ADD} --json")), added, "the same again changes nothing");
    let moved = desk.json("authority add --id north --public-key north.pem --region DK --issuer https://north --json");
    assert_eq!((&moved["regions"], &moved["issuer"]), (&serde_json::json!(["DK"]), &"https://north".into()));
    assert_eq!(desk.json("--json authority list"), Value::Array(vec![moved]));
}

#[test]
fn what_is_said_of_an_authority_is_changed_piece_by_piece() {
    let desk = Desk::new();
    let added = desk.json(&format!("{ADD} --kid v1 --json"));
    assert_eq!((&added["self_reports"], &added["memo_bytes"]), (&"off".into(), &1.into()));
    assert_eq!(added["keys"][0]["kid"], "v1");
    let open = desk.json("authority update --id NORTH --self-reports open --json");
    assert_eq!((&open["self_reports"], &open["self_reports_per_hour"]), (&"open".into(), &60.into()));
    assert_eq!((&open["keys"], &open["regions"]), (&added["keys"], &added["regions"]));
    let fewer = desk.json("authority update --id north --self-reports open --self-reports-per-hour 5 --json");
    assert_eq!(fewer["self_reports_per_hour"], 5);
    let longer = desk.json("authority update --id north --memo-bytes 8 --json");
    assert_eq!((&longer["self_reports_per_hour"], &longer["memo_bytes"]), (&5.into(), &8.into()));
    let worked = desk.json("authority update --id north --self-reports proof-of-work --region DK --json");
    assert_eq!((&worked["self_reports"], &worked["self_reports_per_hour"]), (&"proof-of-work".into(), &Value::Null));
    assert_eq!((&worked["regions"], &worked["memo_bytes"]), (&serde_json::json!(["DK"]), &8.into()));
    assert_eq!(desk.json("authority list --json"), Value::Array(vec![worked]));
    let text = String::from_utf8(desk.run(&format!("{ADD} --self-reports open")).stdout).expect("text");
    assert!(text.contains("reports without a certificate: open, 60 an hour"), "{text}");
}

#[test]
fn a_key_that_was_denied_stays_denied_and_is_shown() {
    let desk = Desk::new();
    let added = desk.json(&format!("{ADD} --kid v1 --json"));
    assert_eq!((&added["keys"][0]["believed"], &added["keys"][0]["source"]), (&true.into(), &"file".into()));
    let denied = desk.json("deny-key --authority North --kid v1 --json");
    assert_eq!(
        (&denied["authority"], &denied["changed"], &denied["known"]),
        (&"north".into(), &true.into(), &true.into())
    );
    let again = desk.json("deny-key --authority north --kid v1 --since 2999-01-01 --json");
    assert_eq!((&again["changed"], &again["denied_since"]), (&false.into(), &denied["denied_since"]));
    for change in [
        "authority update --id north --memo-bytes 8 --json",
        "authority update --id north --public-key north.pem --kid v2 --json",
        "authority update --id north --public-key north.pem --kid v1 --json",
        &format!("{ADD} --kid v1 --json"),
    ] {
        let shown = desk.json(change);
        let v1 = shown["keys"].as_array().expect("keys").iter().find(|key| key["kid"] == "v1");
        assert!(v1.is_none_or(|key| key["believed"] == false), "{change}");
        assert_eq!(shown["denied_keys"], serde_json::json!([{ "kid": "v1", "denied_since": denied["denied_since"] }]));
    }
    let unknown = desk.run("deny-key --authority north --kid never --since 2020-03-01");
    let text = String::from_utf8(unknown.stdout).expect("text");
    assert!(
        text.contains("since 2020-03-01T00:00:00Z") && text.contains("server withdraw --authority north"),
        "{text}"
    );
    assert!(text.contains("is not known here"), "{text}");
    let acts = desk.json("audit list --json");
    let acts: Vec<_> = acts.as_array().expect("acts").iter().filter_map(|act| act["act"].as_str()).collect();
    assert_eq!(acts[..4], ["authority add", "deny-key", "deny-key", "authority update"]);
    let list = String::from_utf8(desk.run("authority list").stdout).expect("text");
    assert!(list.contains("key v1 (EdDSA): denied since") && list.contains("key never (not known): denied"), "{list}");
}

#[test]
fn an_authority_is_disabled_and_enabled() {
    let desk = Desk::new();
    desk.json(&format!("{ADD} --json"));
    let disabled = desk.json("authority disable --id NORTH --json");
    assert_eq!(disabled, serde_json::json!({ "id": "north", "disabled": true, "changed": true }));
    assert_eq!(desk.json("authority disable --id north --json")["changed"], false);
    assert!(desk.json("authority list --json")[0]["disabled_at"].is_string());
    let changed = desk.run("authority update --id north --memo-bytes 2");
    let text = String::from_utf8(changed.stdout).expect("text");
    assert!(text.starts_with("This authority is disabled:"), "a change brings nobody back: {text}");
    assert_eq!(desk.json("authority enable --id north --json")["changed"], true);
    assert_eq!(desk.json("authority list --json")[0]["disabled_at"], Value::Null);
}

#[test]
fn people_read_text_and_programs_read_json() {
    let desk = Desk::new();
    let empty = String::from_utf8(desk.run("authority list").stdout).expect("text");
    assert!(empty.contains("server authority add --help"), "{empty}");
    let text = String::from_utf8(desk.run(ADD).stdout).expect("text");
    assert!(
        text.contains(
            "north  regions NO, SE\n  issuer north, audience pratique\n  reports without a certificate: off\n  key "
        ),
        "{text}"
    );
    assert_eq!(desk.json("migrate --json"), serde_json::json!({ "migrated": true }));
}

#[test]
fn an_operator_is_shown_what_an_authority_is_shown() {
    let desk = Desk::new();
    assert!(desk.run(ADD).status.success());
    assert_eq!(desk.json("stats --authority North --json"), serde_json::json!({ "days": [] }));
    let text = String::from_utf8(desk.run("stats --authority north").stdout).expect("text");
    assert!(text.contains("48 hours"), "{text}");
    let complaint = desk.complaint("stats --authority west");
    assert!(complaint.contains("server authority list"), "{complaint}");
}

/// As in `server authority list | head -0`.
#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    let desk = Desk::new();
    for arguments in ["migrate", "authority list", "--json authority list", ADD] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = desk.command(arguments).stdout(writer).output().expect("it runs");
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{arguments}");
    }
}

#[test]
fn an_error_says_what_to_do() {
    let desk = Desk::new();
    let cases = [
        ("authority add --id north --public-key none.pem --region NO", "cannot read the public key none.pem"),
        ("authority add --id north --public-key no.pem --region NO", "BEGIN PUBLIC KEY"),
        ("authority add --id north --public-key north.pem --region norway", "1 to 8 characters of A to Z"),
        ("authority add --id north --public-key north.pem", "--region"),
        ("authority add --id n/orth --public-key north.pem --region NO", "id: must be 1 to 64 characters"),
        ("authority update --id west --memo-bytes 2", "no such authority; see server authority list"),
        ("authority disable --id west", "no such authority; see server authority list"),
        ("deny-key --authority west --kid v1", "no such authority; see server authority list"),
        ("deny-key --authority west --kid v1 --since yesterday", "must be a day, as 2026-11-22"),
        ("authority add --id north --public-key north.pem --region NO --kid a b", "as many names with --kid"),
        ("authority update --id north --kid a", "--public-key"),
        ("authority update --id north --self-reports off --self-reports-per-hour 5", "goes with --self-reports open"),
        ("authority update --id north --self-reports open --self-reports-per-hour 0", "--self-reports-per-hour"),
        ("serve --proof-bits 21", "is not in 0..=20"),
        ("serve --challenge-secret-file no.pem", "chmod 600"),
        ("migrate --database-url mysql://hush@db/keys", "sqlite:PATH"),
        ("migrate --database-url sqlite:none/keys.db", "check --database-url or SERVER_DATABASE_URL"),
        ("serve --listen 203.0.113.1:80", "choose another address with --listen"),
    ];
    for (arguments, advice) in cases {
        let complaint = desk.complaint(arguments);
        assert!(complaint.contains(advice), "{arguments}: {complaint}");
        assert!(!complaint.contains("hush"), "{complaint}");
    }
}

#[test]
fn the_help_is_the_manual() {
    let desk = Desk::new();
    let mut manual = String::new();
    let authority = [
        "authority",
        "authority add",
        "authority update",
        "authority disable",
        "authority enable",
        "authority refresh",
        "authority list",
        "deny-key",
    ];
    let others = ["withdraw", "audit list", "ohttp-key rotate", "ohttp-key export", "revision-key rotate", "feed set"];
    for command in ["", "serve", "migrate", "stats"].into_iter().chain(authority).chain(others) {
        let help = desk.command(&format!("{command} --help")).env_clear().output().expect("it runs");
        manual += &format!("$ server {command} --help\n{}\n", String::from_utf8(help.stdout).expect("text"));
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/help.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&golden, &manual).expect("written");
    }
    let expected = std::fs::read_to_string(&golden).expect("the golden help");
    assert_eq!(manual, expected, "if this is how it should read, run the test again with BLESS=1");
}

/// A running server, and the address that it printed.
pub(crate) fn serve(desk: &Desk, log: Stdio) -> (Child, String) {
    // It is there already for a server that is started again.
    desk.run("revision-key generate --revision-key-file revision.keys");
    let mut command = desk.command("serve --listen 127.0.0.1:0 --tick-ms 0 --revision-key-file revision.keys --json");
    // As behind a proxy, of which nobody needs to be warned.
    command.env("SERVER_TRUSTED_PROXIES", "1");
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    let url = line["listening"].as_str().expect("a URL");
    (child, url.strip_prefix("http://").expect("http").to_owned())
}

pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
    assert!(status.success());
}

#[test]
fn a_signal_stops_the_server_after_the_request_under_way() {
    for name in ["-TERM", "-INT"] {
        let desk = Desk::new();
        let (mut child, address) = serve(&desk, Stdio::null());
        let mut stream = TcpStream::connect(address).expect("it listens");
        let head = "POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
            Expect: 100-continue\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("sent");
        // The server asks for the body: the request is under way.
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).expect("an interim reply");
        assert!(interim.starts_with(b"HTTP/1.1 100 Continue"));
        signal(&child, name);
        stream.write_all(b"{}").expect("sent");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a reply");
        assert!(reply.starts_with("HTTP/1.1 400 "), "{reply}");
        assert!(child.wait().expect("it ends").success(), "{name}");
    }
}

#[test]
fn requests_of_phones_leave_no_line_in_the_log() {
    let desk = Desk::new();
    assert!(desk.run(ADD).status.success());
    for (id, who) in [("open", "open --self-reports-per-hour 1"), ("worker", "proof-of-work")] {
        desk.json(&format!("authority add --id {id} --public-key north.pem --region NO --self-reports {who} --json"));
    }
    let (child, address) = serve(&desk, Stdio::piped());
    let now = Clock::system().now();
    let keys = phone::keys(now, 1, 3);
    let certificate = NORTH.certify(phone::commit(&keys), Confirmed, now);
    let good = serde_json::to_vec(&phone::upload(keys.clone(), &NORTH, certificate)).expect("JSON");
    let bad = serde_json::to_vec(&phone::upload(keys, &NORTH, "bad".to_owned())).expect("JSON");
    let alone = self_reports::bare(self_reports::report(1, b"", 1, 24).as_bytes());
    let requests = [
        ("/v1/publish", good, 200),
        ("/v1/publish", bad, 401),
        ("/v1/publish", b"{".to_vec(), 400),
        ("/v1/challenge", b"{}".to_vec(), 200),
        ("/tcnreport/0.4.0", alone.clone(), 403),
        ("/self/open/tcnreport/0.4.0", alone.clone(), 200),
        ("/self/open/tcnreport/0.4.0", alone.clone(), 429),
        ("/self/worker/tcnreport/0.4.0", alone, 403),
        ("/self/open/submitReport", b"{}".to_vec(), 400),
    ];
    for (path, body, status) in requests {
        let request = request("POST", path, Some("application/json"), &body);
        assert_eq!(exchange(address.parse().expect("an address"), &request).status, status, "{path}");
    }
    signal(&child, "-TERM");
    let output = child.wait_with_output().expect("it ends");
    let log = String::from_utf8(output.stderr).expect("text");
    let before: Vec<_> = log.lines().take_while(|line| !line.contains("stopping")).collect();
    assert!(log.contains("stopping") && before.is_empty(), "{before:?}");
}

#[test]
fn revision_keys_take_turns_and_a_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let desk = Desk::new();
    let first = desk.json("revision-key generate --revision-key-file revision.keys --json");
    assert!(!desk.run("revision-key generate --revision-key-file revision.keys").status.success(), "it is kept");
    let both = desk.json("revision-key rotate --revision-key-file revision.keys --overlap-days 20 --json");
    assert_eq!(both["keys"][1]["sha256"], first["keys"][0]["sha256"]);
    assert!(both["keys"][0]["retires"].is_null() && both["keys"][1]["retires"].is_i64());
    assert_eq!(desk.json("revision-key list --revision-key-file revision.keys --json"), both);
    let file = desk.directory.path().join("revision.keys");
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("chmod");
    mode(0o640);
    let refused = desk.run("serve --listen 127.0.0.1:0 --revision-key-file revision.keys");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("chmod 600"), "{said}");
}

#[test]
fn feeds_take_travellers_once_the_operator_says_so() {
    let desk = Desk::new();
    assert!(desk.run(ADD).status.success());
    let before = desk.json("feed list --json");
    assert!(before.as_array().expect("a list").iter().all(|feed| feed["travellers"] == false), "{before}");
    let feed = before[0]["feed"].as_str().expect("a feed").to_owned();
    assert!(feed.ends_with("/gaen"), "{feed}");
    let after = desk.json(&format!("feed set {feed} --travellers yes --json"));
    assert_eq!((&after[0]["feed"], &after[0]["travellers"]), (&before[0]["feed"], &serde_json::json!(true)));
    let text = String::from_utf8(desk.run("feed list").stdout).expect("text");
    assert!(text.contains(&format!("{feed}  takes travellers")), "{text}");
    assert_eq!(desk.json(&format!("feed set {feed} --travellers no --json")), before);
    for bad in ["XX/gaen", "no/gaen", "NO/tcn"] {
        assert!(!desk.run(&format!("feed set {bad} --travellers yes")).status.success(), "{bad}");
    }
}

#[test]
fn metrics_are_on_a_listener_of_their_own() {
    let desk = Desk::new();
    let mut command = desk.command("serve --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --tick-ms 0 --json");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let said: Value = serde_json::from_str(&line).expect("JSON");
    let ask = |listener: &str| {
        let address = said[listener].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL");
        exchange(address.parse().expect("an address"), &request("GET", "/metrics", None, b""))
    };
    let shown = ask("metrics");
    let text = String::from_utf8(shown.body).expect("text");
    assert!(shown.status == 200 && text.ends_with("# EOF\n"), "{text}");
    assert_eq!(ask("listening").status, 404, "not where phones are");
    signal(&child, "-TERM");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_server_that_believes_nobody_says_so() {
    let desk = Desk::new();
    let (child, _) = serve(&desk, Stdio::piped());
    signal(&child, "-TERM");
    let output = child.wait_with_output().expect("it ends");
    let log = String::from_utf8(output.stderr).expect("text");
    assert!(log.contains("server authority add"), "{log}");
}
