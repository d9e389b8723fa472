//! `docs/apps.md`: its commands work as they stand, and it tells of every code of an answer with its status.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::page::{Page, root};
use crate::stand::{Stand, programs};

/// Nothing here takes longer than a few seconds unless it is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A code of an answer with its status.
type Code = (u16, String);

fn page() -> Page {
    Page::read("docs/apps.md")
}

/// `pratique serve` with everything that an app talks to, killed when it is dropped.
struct Served(Child);

impl Served {
    /// Starts it in the place, and gives the page's settings its URLs and keys.
    fn start(stand: &mut Stand) -> Self {
        let directory = stand.path("served");
        let mut program = Command::new(programs().join("pratique"));
        program.args(["serve", "--dir", &directory, "--export-period", "1", "--tick-ms", "0"]);
        program.args(["--verification-port", "0", "--server-port", "0", "--cdn-port", "0"]);
        let child = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
        let mut served = Self(child);
        let began = Instant::now();
        let access = loop {
            if let Ok(text) = fs::read(format!("{directory}/access.json")) {
                break serde_json::from_slice::<Value>(&text).expect("written whole");
            }
            assert!(served.0.try_wait().expect("ours").is_none(), "it ended before it listened");
            assert!(began.elapsed() < PATIENCE, "access.json did not come");
            std::thread::sleep(Duration::from_millis(20));
        };
        let text = |pointer: &str| access.pointer(pointer).and_then(Value::as_str).expect("documented").to_owned();
        let of_page = [
            ("VERIFICATION", "/verification"),
            ("SERVER", "/server"),
            ("CDN", "/cdn"),
            ("AUTHORITY", "/health_authority_id"),
            ("REGION", "/region"),
            ("DEVICE", "/api_keys/device"),
        ];
        of_page.into_iter().for_each(|(name, pointer)| stand.set(name, text(pointer)));
        stand.set("CODE", code(&text("/verification"), &text("/api_keys/admin")));
        served
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A code, as the authority's staff would issue it.
fn code(verification: &str, key: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--fail", "-H", "Content-Type: application/json", "-H", &format!("X-API-Key: {key}")]);
    curl.args(["-d", r#"{"testType":"confirmed"}"#, &format!("{verification}/api/issue")]);
    let output = curl.output().expect("curl; apt-get install curl (tests/run does it)");
    let issued: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    issued["code"].as_str().expect("a code").to_owned()
}

#[test]
fn the_commands_for_apps_go_from_a_code_to_a_checked_bundle() {
    let mut stand = Stand::new();
    stand.stay_at_home();
    let _served = Served::start(&mut stand);
    // Between upload and poll, hours pass; here the store is told so, and the next export of the second comes by.
    stand.stand_in(&format!("KEYS={}\n", stand.path("served/db/keys.sqlite")));
    stand.stand_in(include_str!("stand_ins_apps.sh"));
    stand.run(&page(), &["sh"]);
}

/// The codes and statuses of the tables below a heading.
fn told(page: &Page, heading: &str) -> BTreeSet<Code> {
    let section = page.text.split(&format!("### {heading}\n")).nth(1).expect("a section");
    let section = section.split("\n### ").next().expect("its text");
    let rows = section.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{row}");
        (cells[0].parse().expect("a status"), cells[1].trim_matches('`').to_owned())
    })
    .collect()
}

fn source(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// What `Problem` of verification can say: each constructor has a status and a code behind it.
fn of_verification() -> BTreeSet<Code> {
    let text = source("verification/src/problem.rs");
    let text = text.split("impl ResponseError").next().expect("constructors");
    let text = text.replace("Self::bad_request(", "StatusCode::BAD_REQUEST, ").replace("code: UNPARSABLE", "");
    let after = text.split("StatusCode::").skip(1);
    let named = after.filter_map(|rest| {
        let (status, rest) = rest.split_once(',')?;
        let code = rest.split('"').nth(1)?;
        let gap = rest.split('"').next()?;
        (gap.trim().is_empty() || gap.trim() == "code:").then(|| (status_of(status), code.to_owned()))
    });
    named.chain([(400, "unparsable_request".to_owned())]).collect()
}

/// What the services refuse before they look, each by its variant's arm in `status` and in `code`.
fn of_unheard() -> BTreeSet<Code> {
    let text = source("server/service/src/unheard.rs");
    let arms = |name: &str| {
        let body =
            text.split(&format!("fn {name}(")).nth(1).and_then(|rest| rest.split("\n    }\n").next()).expect("arms");
        let arms = body.lines().filter_map(|line| line.trim().trim_end_matches(',').split_once(" => "));
        let each =
            arms.flat_map(|(variants, value)| variants.split(" | ").map(move |one| (one.to_owned(), value.to_owned())));
        each.collect::<Vec<_>>()
    };
    let (statuses, codes) = (arms("status"), arms("code"));
    let coded = codes.iter().filter_map(|(variant, code)| Some((variant, code.strip_prefix('"')?.strip_suffix('"')?)));
    coded
        .map(|(variant, code)| {
            let (_, status) = statuses.iter().find(|(of, _)| of == variant).unwrap_or_else(|| panic!("{variant}"));
            (status_of(status.trim_start_matches("StatusCode::")), code.to_owned())
        })
        .collect()
}

/// What the rules of the write path say that a sender is told; that page is held against the code by tests of its own.
fn of_rules() -> BTreeSet<Code> {
    let rules = source("docs/rules.md");
    let words: Vec<&str> = rules.split([' ', ',', '|']).filter(|word| !word.is_empty()).collect();
    let pairs = words.windows(2).filter_map(|pair| {
        let code = pair[1].strip_prefix('`')?.strip_suffix('`')?;
        let is_code = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        Some((pair[0].parse::<u16>().ok().filter(|status| is_code && (200..600).contains(status))?, code.to_owned()))
    });
    pairs.collect()
}

fn status_of(name: &str) -> u16 {
    match name {
        "BAD_REQUEST" => 400,
        "UNAUTHORIZED" => 401,
        "FORBIDDEN" => 403,
        "NOT_FOUND" => 404,
        "METHOD_NOT_ALLOWED" => 405,
        "REQUEST_TIMEOUT" => 408,
        "CONFLICT" => 409,
        "PRECONDITION_FAILED" => 412,
        "PAYLOAD_TOO_LARGE" => 413,
        "UNSUPPORTED_MEDIA_TYPE" => 415,
        "TOO_MANY_REQUESTS" => 429,
        "INTERNAL_SERVER_ERROR" => 500,
        other => panic!("{other} is a status that this test does not know"),
    }
}

#[test]
fn apps_are_told_of_every_code_with_its_status() {
    let page = page();
    let mut verification = of_verification();
    verification.extend(of_unheard());
    assert_eq!(told(&page, "From verification"), verification, "codes of the page, and of verification/src/problem.rs");
    assert_eq!(told(&page, "From the key server"), of_rules(), "codes of the page, and of docs/rules.md");
}
