//! The program: its commands, its help, and how it dies.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use proto::api::base64;
use proto::certificate::CertificateKey;
use serde_json::{Value, json};

use crate::http;
use crate::service::COMMITMENTS;

/// What `--help` said when it was last read by a person.
const HELP: &str = include_str!("help.txt");

/// The program over the files in `dir`.
pub(crate) fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verification"));
    command.current_dir(dir).env_remove("RUST_LOG").env_remove("RUST_BACKTRACE").env_remove("VERIFICATION_LISTEN");
    command.env("VERIFICATION_DATABASE_URL", "sqlite:codes.db");
    command.env("VERIFICATION_SECRET_FILE", "codes.secret").env("VERIFICATION_SIGNING_KEY_DIR", "keys");
    command
}

pub(crate) fn run(dir: &Path, arguments: &[&str]) -> Output {
    program(dir).args(arguments).output().expect("ran")
}

/// Runs a command that succeeds with a line of JSON.
pub(crate) fn json_of(dir: &Path, arguments: &[&str]) -> Value {
    json_by(program(dir), arguments)
}

fn json_by(mut program: Command, arguments: &[&str]) -> Value {
    let output = program.arg("--json").args(arguments).output().expect("ran");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Runs a command that fails and says why.
pub(crate) fn complaint(dir: &Path, arguments: &[&str]) -> String {
    let output = run(dir, arguments);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{arguments:?}");
    String::from_utf8(output.stderr).expect("text")
}

/// A served program, killed when it is dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Where its metrics are, if anywhere.
    pub(crate) metrics: Option<SocketAddr>,
}

impl Served {
    pub(crate) fn start(dir: &Path) -> Self {
        Self::spawn(program(dir))
    }

    /// Starts the program as it was prepared.
    pub(crate) fn spawn(mut program: Command) -> Self {
        // Answers leave at once: when they leave is not what these tests are about.
        let arguments = ["--json", "serve", "--listen", "127.0.0.1:0", "--tick-ms", "0"];
        let mut child = program.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        let address = |name: &str| line[name].as_str()?.strip_prefix("http://")?.parse().ok();
        Self { child, address: address("listening").expect("an address"), metrics: address("metrics") }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("ran");
        assert!(sent.success());
    }

    /// Waits until it has ended; its exit code, if it was not killed.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.wait().expect("gone").code()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sets an authority up and returns its ADMIN and DEVICE keys.
pub(crate) fn set_up(dir: &Path) -> [String; 2] {
    set_up_by(|| program(dir))
}

/// The same by programs that are prepared otherwise.
pub(crate) fn set_up_by(program: impl Fn() -> Command) -> [String; 2] {
    let json_of = |arguments: &[&str]| json_by(program(), arguments);
    json_of(&["secret", "create"]);
    assert_eq!(json_of(&["migrate"])["migrated"], true);
    json_of(&["authority", "create", "--id", "no"]);
    json_of(&["keys", "generate", "--authority", "no"]);
    ["admin", "device"].map(|kind| {
        let made = json_of(&["api-key", "create", "--authority", "no", "--kind", kind]);
        let key = made["api_key"].as_str().expect("a key").to_owned();
        assert!(key.starts_with(&format!("no.{kind}.")) && key.len() == 43 + 4 + kind.len());
        key
    })
}

#[test]
fn a_killed_service_answers_repeats_as_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let [admin, device] = set_up(dir.path());
    let mut served = Served::start(dir.path());
    let code = http::post(served.address, "/api/issue", &admin, &json!({ "testType": "likely" })).text("code");
    let claim = json!({ "code": code, "nonce": base64::encode(&[1; 16]) });
    let token = http::post(served.address, "/api/verify", &device, &claim).text("token");
    served.kill();

    let mut served = Served::start(dir.path());
    assert_eq!(http::post(served.address, "/api/verify", &device, &claim).text("token"), token);
    let wish = json!({ "token": token, "ekeyhmac": COMMITMENTS[0] });
    assert_eq!(http::post(served.address, "/api/certificate", &device, &wish).status, 200);
    served.kill();

    let served = Served::start(dir.path());
    assert_eq!(http::post(served.address, "/api/certificate", &device, &wish).status, 200);
}

#[test]
fn a_service_that_is_told_to_stop_stops_in_peace() {
    let dir = tempfile::tempdir().expect("a directory");
    set_up(dir.path());
    for signal in ["-TERM", "-INT"] {
        let mut served = Served::start(dir.path());
        served.signal(signal);
        assert_eq!(served.ended(), Some(0));
    }
}

#[test]
fn commands_say_what_they_did() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    json_of(dir, &["secret", "create"]);
    let created = json_of(dir, &["authority", "create", "--id", "NO", "--issuer", "https://fhi.no", "--require-date"]);
    let expected = json!({
        "id": "no",
        "issuer": "https://fhi.no",
        "audience": "pratique",
        "date_required": true,
        "code_form": "digits",
        "code_length": 8,
        "code_minutes": 15,
        "long_code_hours": 24,
        "user_reports": false,
        "daily_quota": null,
    });
    assert_eq!(created, expected);
    let listed = json_of(dir, &["authority", "list"]);
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(listed[0][name], *value);
    }

    let made = json_of(dir, &["keys", "generate", "--authority", "no", "--public-key", "no.pem"]);
    let pem = std::fs::read_to_string(dir.join("no.pem")).expect("written");
    assert_eq!(made["public_key"], pem.as_str());
    assert_eq!(made["kid"], CertificateKey::from_pem(&pem).expect("a key").kid());
    let private = made["private_key_file"].as_str().expect("a path");
    assert!(std::fs::read_to_string(dir.join(private)).expect("written").starts_with("-----BEGIN PRIVATE KEY-----"));

    let output = run(dir, &["api-key", "create", "--authority", "no", "--kind", "stats"]);
    assert!(output.stdout.starts_with(b"no.stats.") && output.stdout.len() == 9 + 43 + 1);
}

#[test]
fn errors_say_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    assert!(complaint(dir, &["serve"]).contains("verification secret create"));
    json_of(dir, &["secret", "create"]);
    let kept = std::fs::read(dir.join("codes.secret")).expect("written");
    assert!(complaint(dir, &["secret", "create"]).contains("exists already"));
    assert_eq!(std::fs::read(dir.join("codes.secret")).expect("still there"), kept);

    let misunderstood = run(dir, &["migrate", "--database-url", "mysql://root:hunter2@db"]);
    let said = String::from_utf8_lossy(&misunderstood.stderr);
    assert_eq!(misunderstood.status.code(), Some(2));
    assert!(said.contains("sqlite:PATH") && !said.contains("hunter2"), "{said}");
    for command in [["keys", "generate"], ["api-key", "create"]] {
        let kind = if command[0] == "keys" { vec![] } else { vec!["--kind", "admin"] };
        let arguments = [&command[..], &["--authority", "se"], &kind].concat();
        assert!(complaint(dir, &arguments).contains("verification authority list"));
    }
    assert!(complaint(dir, &["authority", "create", "--id", "a b"]).contains("id: must be 1 to 64 characters"));
    assert!(complaint(dir, &["serve", "--listen", "192.0.2.1:80"]).contains("--listen"));

    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(dir.join("codes.secret"), open).expect("chmod");
    assert!(complaint(dir, &["serve"]).contains("chmod 600"));
}

#[test]
fn whoever_only_registers_needs_no_secret() {
    let dir = tempfile::tempdir().expect("a directory");
    let bare = |arguments: &[&str]| {
        let mut command = program(dir.path());
        command.env_remove("VERIFICATION_SECRET_FILE").env_remove("VERIFICATION_SIGNING_KEY_DIR");
        let output = command.args(arguments).output().expect("ran");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    bare(&["migrate"]);
    bare(&["authority", "create", "--id", "no"]);
    bare(&["authority", "list"]);
    bare(&["api-key", "create", "--authority", "no", "--kind", "admin"]);
    // A signing key has to go somewhere.
    bare(&["keys", "generate", "--authority", "no", "--signing-key-dir", "elsewhere"]);
    assert_eq!(std::fs::read_dir(dir.path().join("elsewhere")).expect("made").count(), 1);
}

#[test]
fn whoever_issues_needs_no_signing_key() {
    let dir = tempfile::tempdir().expect("a directory");
    json_of(dir.path(), &["secret", "create"]);
    json_of(dir.path(), &["authority", "create", "--id", "no"]);
    let mut issue = program(dir.path());
    issue.env_remove("VERIFICATION_SIGNING_KEY_DIR").args(["issue", "--authority", "no", "--test-type", "likely"]);
    let output = issue.output().expect("ran");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!dir.path().join(verification::SIGNING_KEY_DIR).exists());
}

/// As in `verification authority list | head -0`.
#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    let dir = tempfile::tempdir().expect("a directory");
    for arguments in [&["migrate"][..], &["authority", "list"], &["--json", "authority", "list"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = program(dir.path()).args(arguments).stdout(writer).output().expect("ran");
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
    }
}

/// The help is the manual. When it changes on purpose, the test writes what it would be now beside it; read it, then keep it.
#[test]
fn the_help_is_what_was_read() {
    let commands: [&[&str]; 29] = [
        &[],
        &["serve"],
        &["migrate"],
        &["authority", "create"],
        &["authority", "update"],
        &["authority", "list"],
        &["authority", "disable"],
        &["authority", "enable"],
        &["keys"],
        &["keys", "generate"],
        &["keys", "rotate"],
        &["keys", "list"],
        &["keys", "retire"],
        &["api-key", "create"],
        &["api-key", "list"],
        &["api-key", "revoke"],
        &["purge"],
        &["secret"],
        &["secret", "create"],
        &["secret", "rotate"],
        &["ohttp-key"],
        &["ohttp-key", "generate"],
        &["ohttp-key", "rotate"],
        &["ohttp-key", "export"],
        &["ohttp-key", "list"],
        &["issue"],
        &["status"],
        &["expire"],
        &["stats"],
    ];
    let mut help = String::new();
    for arguments in commands {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verification"));
        let output = command.args(arguments).arg("--help").env_clear().output().expect("ran");
        assert!(output.status.success());
        help +=
            &format!("$ verification {} --help\n{}\n", arguments.join(" "), String::from_utf8_lossy(&output.stdout));
    }
    if help != HELP {
        let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("help.txt");
        std::fs::write(&written, &help).expect("written");
        panic!("the help has changed; compare verification/tests/service/help.txt with {}", written.display());
    }
}
