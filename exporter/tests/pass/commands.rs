//! The program: what can be typed, and its exit codes.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use proto::Kind;

use crate::world::{World, keys_of};

pub(crate) fn exporter(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_exporter")).args(arguments).output().expect("the program runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The help is the manual, so a change of it is a change that somebody reads. `exporter COMMAND --help > FILE` renews a file.
#[test]
fn help_is_what_the_manual_says() {
    for (command, golden) in [
        (&[][..], include_str!("help/exporter.txt")),
        (&["run"], include_str!("help/run.txt")),
        (&["status"], include_str!("help/status.txt")),
        (&["once"], include_str!("help/once.txt")),
        (&["prune"], include_str!("help/prune.txt")),
        (&["audit"], include_str!("help/audit.txt")),
        (&["index", "rebuild"], include_str!("help/index-rebuild.txt")),
        (&["adopt"], include_str!("help/adopt.txt")),
        (&["rederive"], include_str!("help/rederive.txt")),
        (&["recall"], include_str!("help/recall.txt")),
        (&["quarantine"], include_str!("help/quarantine.txt")),
        (&["inspect"], include_str!("help/inspect.txt")),
        (&["keys", "generate"], include_str!("help/keys-generate.txt")),
        (&["keys", "rotate"], include_str!("help/keys-rotate.txt")),
        (&["keys", "list"], include_str!("help/keys-list.txt")),
    ] {
        let program = env!("CARGO_BIN_EXE_exporter");
        // Help shows what the environment sets.
        let help = Command::new(program).args(command).arg("--help").env_clear().output().expect("the program runs");
        assert_eq!(help.status.code(), Some(0));
        assert_eq!(String::from_utf8(help.stdout).expect("UTF-8"), golden, "{command:?}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused_with_the_flags_name() {
    for (arguments, named) in [
        (
            &["once", "--database-url", "mysql:x", "--signing-key-dir", "k", "--bucket", "a=file:b"][..],
            "--database-url",
        ),
        (&["once", "--database-url", "sqlite:x", "--signing-key-dir", "k", "--bucket", "b"], "--bucket"),
        (&["once", "--database-url", "sqlite:x", "--signing-key-dir", "k"], "--bucket"),
        (&["once", "--policy", "NO/gaen hold=4"], "--policy"),
        (&["once", "--policy", "NO/gaen minimum=5;NO/tcn minimum=0"], "minimum must be a number from 1 to 1000000"),
        (&["once", "--period-gaen", "0s"], "must be 1s to 1d"),
        (&["once", "--minimum-keys", "0"], "--minimum-keys"),
        (&["once", "--hold", "1w"], "--hold"),
        (&["once", "--jitter", "200"], "--jitter"),
        (&["keys", "generate", "--region", "norway", "--dir", "x"], "--region"),
        (&["explode"], "explode"),
    ] {
        let refused = exporter(arguments);
        assert_eq!(refused.status.code(), Some(64), "{arguments:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains(named), "{arguments:?}");
    }
}

#[tokio::test]
async fn once_from_the_command_line_publishes_and_says_so() {
    let world = World::new().await;
    world.accept_keys(0..20).await;
    let url = format!("sqlite:{}", world.directory.path().join("keys.db").display());
    let bucket = format!("main=file:{}", world.tree("main").display());
    let keys = text(&world.settings.signing_key_dir).to_owned();
    let once = |minimum: &str, more: &[&str]| {
        let fixed = ["once", "--database-url", &url, "--bucket", &bucket, "--signing-key-dir", &keys];
        exporter(&[&fixed[..], &["--minimum-keys", minimum], more].concat())
    };
    let held = once("1000", &[]);
    assert_eq!(held.status.code(), Some(0));
    let shown = String::from_utf8(held.stdout).expect("UTF-8");
    assert!(shown.contains("NO/gaen: held, 20 of 1,000 keys waiting"), "{shown}");

    let done = once("1", &["--json"]);
    assert_eq!(done.status.code(), Some(0));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(report["feeds"][0]["sealed"][0]["count"], 20);
    assert_eq!(report["feeds"][0]["buckets"][0]["put"], serde_json::json!([1]));
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..20));

    let prune =
        ["prune", "--dry-run", "--json", "--database-url", &url, "--bucket", &bucket, "--signing-key-dir", &keys];
    let foreseen = exporter(&prune);
    assert_eq!(foreseen.status.code(), Some(0));
    let report: serde_json::Value = serde_json::from_slice(&foreseen.stdout).expect("JSON");
    assert_eq!((&report["dry_run"], &report["feeds"][0]["delisted"]), (&true.into(), &serde_json::json!([])));

    // A directory in the way of the index: another try may succeed once somebody has moved it.
    world.accept_keys(20..30).await;
    let index = world.tree("main").join("NO/gaen/index.txt");
    fs::remove_file(&index).expect("removed");
    fs::create_dir(&index).expect("in the way");
    let failed = once("1", &[]);
    assert_eq!(failed.status.code(), Some(1), "{}", String::from_utf8_lossy(&failed.stdout));

    let missing = ["once", "--database-url", "sqlite:no-such.db", "--bucket", &bucket, "--signing-key-dir", &keys];
    let refused = exporter(&missing);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no-such.db does not exist"));
    assert!(!Path::new("no-such.db").exists());

    assert_eq!(once("1", &["--feed", "XX/gaen"]).status.code(), Some(2));
    assert_eq!(once("1", &["--policy", "XX/gaen minimum=5"]).status.code(), Some(2));
    let run = ["run", "--database-url", &url, "--bucket", &bucket, "--signing-key-dir", &keys];
    assert_eq!(exporter(&[&run[..], &["--policy", "XX/gaen minimum=5"]].concat()).status.code(), Some(2));
    assert_eq!(once("1", &["--policy", "NO/gaen minimum=5; NO/gaen hold=1h"]).status.code(), Some(2));
    assert_eq!(once("1", &["--bucket", "main=file:elsewhere"]).status.code(), Some(2));
}

#[test]
fn keys_are_generated_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let dir = text(directory.path());
    let made = exporter(&["keys", "generate", "--region", "US-WA", "--dir", dir]);
    assert_eq!(made.status.code(), Some(0));
    // Three pairs, and the secret of filler, which the second region finds there.
    assert_eq!(String::from_utf8_lossy(&made.stdout).lines().count(), 7);
    // Whoever sets a machine up may have it run each time.
    let key = fs::read(directory.path().join("US-WA-gaen.key.pem")).expect("a key");
    let again = exporter(&["keys", "generate", "--region", "US-WA", "--dir", dir]);
    assert_eq!((again.status.code(), &*again.stdout), (Some(0), &b""[..]));
    assert!(String::from_utf8_lossy(&again.stderr).contains("US-WA has all its keys"));
    assert_eq!(fs::read(directory.path().join("US-WA-gaen.key.pem")).expect("a key"), key);

    let json = |region: &str| {
        let made = exporter(&["keys", "generate", "--region", region, "--dir", dir, "--json"]);
        let value: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
        (made.status.code(), value)
    };
    let (code, made) = json("NO");
    assert_eq!((code, &made["region"], made["files"].as_array().map(Vec::len)), (Some(0), &"NO".into(), Some(6)));
    assert!(
        made["files"].as_array().expect("files").iter().all(|file| Path::new(file.as_str().expect("a path")).exists())
    );
    let (code, again) = json("NO");
    assert_eq!((code, &again["files"]), (Some(0), &serde_json::json!([])));
}

#[tokio::test]
async fn inspect_reads_files_and_urls() {
    let world = World::new().await;
    world.accept_keys(0..20).await;
    world.pass(&["main"]).await;
    let path = world.index("main", Kind::Gaen).remove(0);
    let file = world.tree("main").join(&path);
    let key = world.settings.signing_key_dir.join("NO-gaen.pem");
    let inspect = |source: &str| exporter(&["inspect", "--key", text(&key), source]);

    let found = inspect(text(&file));
    let shown = String::from_utf8_lossy(&found.stdout).into_owned();
    assert_eq!(found.status.code(), Some(0), "{shown}");
    assert!(shown.contains("signature  verified") && shown.contains("phone      yes"), "{shown}");
    assert_eq!(exporter(&["inspect", text(&file)]).status.code(), Some(2));

    let bundle = fs::read(&file).expect("the bundle");
    let server = OneAnswer::new("200 OK", &bundle);
    assert_eq!(inspect(&server.url).status.code(), Some(0));
    let gone = inspect(&OneAnswer::new("404 Not Found", b"no").url);
    assert_eq!(gone.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&gone.stderr).contains("HTTP 404"));
}

#[tokio::test]
async fn inspect_needs_no_certificates_of_the_machine() {
    let world = World::new().await;
    world.accept_keys(0..20).await;
    world.pass(&["main"]).await;
    let bundle = fs::read(world.tree("main").join(world.index("main", Kind::Gaen).remove(0))).expect("the bundle");
    let key = world.settings.signing_key_dir.join("NO-gaen.pem");
    for source in ["http", "HTTP"].map(|scheme| OneAnswer::new("200 OK", &bundle).url.replacen("http", scheme, 1)) {
        let mut bare = Command::new(env!("CARGO_BIN_EXE_exporter"));
        bare.args(["inspect", "--key", text(&key), &source]);
        bare.envs([("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")]);
        let found = bare.output().expect("the program runs");
        assert_eq!(found.status.code(), Some(0), "{}", String::from_utf8_lossy(&found.stderr));
    }
}

/// As in `exporter inspect --json bundle.zip | head -1`.
#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    let directory = tempfile::tempdir().expect("a directory");
    let zip = directory.path().join("bundle.zip");
    fs::write(&zip, b"no bundle").expect("a file");
    for flags in [&["inspect", "--json"][..], &["inspect"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut program = Command::new(env!("CARGO_BIN_EXE_exporter"));
        let ended = program.args(flags).arg(&zip).stdout(writer).status().expect("the program runs");
        assert_eq!(ended.code(), Some(1), "{flags:?}");
    }
}

/// Nothing to inspect is neither a verdict nor a crash: 3, and a sentence that says what was given.
#[test]
fn what_cannot_be_read_is_said_with_exit_code_3() {
    let directory = tempfile::tempdir().expect("a directory");
    let made = exporter(&["keys", "generate", "--region", "NO", "--dir", text(directory.path())]);
    assert_eq!(made.status.code(), Some(0));
    let path = |name: &str| text(&directory.path().join(name)).to_owned();
    let (public, private, zip) = (path("NO-gaen.pem"), path("NO-gaen.key.pem"), path("bundle.zip"));
    fs::write(&zip, [0xFF; 100]).expect("a file");

    let too_long = OneAnswer::claiming("200 OK", 64_000_001, &vec![0; 64_000_001]).url;
    let short = OneAnswer::claiming("200 OK", 1_000, b"short").url;
    let no_tls = OneAnswer::new("200 OK", b"in the clear").url.replacen("http:", "https:", 1);
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}/bundle.zip", listener.local_addr().expect("an address"))
    };
    let missing = path("none.zip");
    for (arguments, said) in [
        (vec![text(directory.path())], "irectory"),
        (vec![&missing], "No such file"),
        (vec!["--key", &missing, &zip], "--key takes a public key"),
        (vec!["--key", &zip, &zip], "--key takes a public key"),
        (vec!["--key", &private, &zip], "--key takes a public key"),
        (vec!["--key", &public, "--key", &private, &zip], "--key takes a public key"),
        (vec![&too_long], "longer than 64 MB"),
        (vec![&short], "body"),
        (vec![&no_tls], "is the address right"),
        (vec![&nobody], "is the address right"),
        (vec!["http://"], "http://"),
    ] {
        let refused = exporter(&[&["inspect", "--json"], &arguments[..]].concat());
        assert_eq!(refused.status.code(), Some(3), "{arguments:?}");
        let error: serde_json::Value = serde_json::from_slice(&refused.stdout).expect("JSON");
        assert!(error["error"].as_str().is_some_and(|error| error.contains(said)), "{arguments:?}: {error}");
    }
    // Bytes that are no bundle are something to inspect.
    assert_eq!(exporter(&["inspect", "--key", &public, &zip]).status.code(), Some(1));
}

/// A web server that answers one request.
struct OneAnswer {
    url: String,
}

impl OneAnswer {
    fn new(status: &str, body: &[u8]) -> Self {
        Self::claiming(status, body.len(), body)
    }

    /// With a header that may say another length than the body has.
    fn claiming(status: &str, length: usize, body: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/bundle.zip", listener.local_addr().expect("an address"));
        let mut answer =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes();
        answer.extend_from_slice(body);
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a request");
            let _ = stream.read(&mut [0; 4_096]);
            // A reader that has seen enough hangs up.
            let _ = stream.write_all(&answer);
        });
        Self { url }
    }
}
