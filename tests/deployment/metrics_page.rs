//! `docs/metrics.md` names every metric that there is, says of each what the program says of it, and names no other.

use std::fs;
use std::path::Path;

use exporter::metrics::ExporterMetrics;
use service::{Described, Metrics};
use store::{Clock, DatabaseUrl};

/// What stands in a row of the page, but for what to look for: name, kind, labels, whether it is published in steps, meaning.
type Row = [String; 5];

/// The rows of the page's tables.
fn rows() -> Vec<Row> {
    let page = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md"));
    let page = fs::read_to_string(page).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| `pratique_"));
    let cells = |line: &str| {
        let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
        assert_eq!(cells.len(), 6, "{line}");
        assert!(!cells[5].is_empty(), "what to look for: {line}");
        <[String; 5]>::try_from(cells[..5].to_vec()).expect("five cells")
    };
    rows.map(cells).collect()
}

fn row(described: Described) -> Row {
    let stepped = if described.stepped { "5 min" } else { "" };
    [
        described.name,
        described.kind.as_str().to_owned(),
        described.labels.join(", "),
        stepped.to_owned(),
        described.help,
    ]
}

/// What a program registers that serves as it is served.
async fn registered() -> Vec<Described> {
    let directory = tempfile::tempdir().expect("a directory");
    let database = |name: &str| DatabaseUrl::Sqlite(directory.path().join(name));
    let secret_file = directory.path().join("secret");
    verification::Settings::create_secret(&secret_file).expect("a secret");
    let verification = verification::Settings {
        database: verification::DatabaseSettings { database_url: database("codes.db") },
        secret_file,
        signing_key_dir: directory.path().join("keys"),
        delivery_dir: None,
    };
    let limits = service::LimitSettings::default();
    let verification =
        verification::State::open(&verification, Clock::system()).await.expect("open").with_limits(&limits);
    let server = server::Settings { database_url: database("keys.db") };
    let server = server::State::open(&server, Clock::system()).await.expect("open").with_limits(&limits);
    let services = [verification.metrics(), server.metrics()].map(Metrics::described);
    services.into_iter().flatten().chain(ExporterMetrics::register().described()).collect()
}

#[tokio::test]
async fn every_metric_stands_in_the_page_as_the_program_says_it_and_no_other_does() {
    let registered: Vec<Row> = registered().await.into_iter().map(row).collect();
    let rows = rows();
    let wanted = |row: &Row| format!("| `{}` | {} | {} | {} | {} |", row[0], row[1], row[2], row[3], row[4]);
    let missing: Vec<String> = registered.iter().filter(|row| !rows.contains(row)).map(wanted).collect();
    assert!(missing.is_empty(), "the page lacks these rows:\n{}", missing.join("\n"));
    let unknown: Vec<String> = rows.iter().filter(|row| !registered.contains(row)).map(wanted).collect();
    assert!(unknown.is_empty(), "no program has these:\n{}", unknown.join("\n"));
    assert_eq!(rows.len(), registered.len(), "each once");
}

#[tokio::test]
async fn every_name_begins_with_its_program_and_every_label_is_one_that_is_explained() {
    const LABELS: [&str; 16] = [
        "authority",
        "bucket",
        "code",
        "feed",
        "form",
        "kid",
        "kind",
        "limit",
        "outcome",
        "reason",
        "role",
        "route",
        "traffic",
        "transaction",
        "version",
        "worked",
    ];
    for described in registered().await {
        let begins = ["pratique_verification_", "pratique_server_", "pratique_exporter_"];
        assert!(begins.iter().any(|begin| described.name.starts_with(begin)), "{}", described.name);
        assert!(described.labels.iter().all(|label| LABELS.contains(&label.as_str())), "{described:?}");
    }
}
