//! A country's day, made small.

use std::fs;

use load::report;
use stack::{Course, Engine, Options, Trial};

/// How long people come, and processes are watched, in seconds.
const SECONDS: u32 = 75;
/// How long phones poll alone.
const POLLING_SECONDS: u32 = 12;

#[test]
fn under_a_countrys_load_nothing_fails_or_leaks_and_polling_phones_reach_no_database() -> anyhow::Result<()> {
    let results = tempfile::tempdir()?;
    let load = "country --factor 0.004 --least-uploads 1.5".split(' ').map(str::to_owned).collect();
    // A shorter period than a country's, so that nobody waits for the last export for long.
    let options = Options { period_seconds: 20, fresh_seconds: 2, ..Trial::deployment() };
    assert_eq!(options.engine, Engine::Postgres);
    let directory = results.path().to_owned();
    let polling_seconds = POLLING_SECONDS;
    let trial = Trial { load, seconds: SECONDS, polls: 20, polling_seconds, results: directory, options };
    let outcome = trial.run()?;
    println!("{outcome}");
    outcome.ensure_good()?;

    let watched: Vec<&str> = outcome.courses.iter().map(|course| course.process.as_str()).collect();
    assert_eq!(watched, ["exporter-1", "nginx", "postgres", "server-1", "server-2", "verification-1"]);
    let whole = |course: &Course| course.seconds > 0.8 * f64::from(SECONDS);
    assert!(outcome.courses.iter().all(whole), "{:?}", outcome.courses);

    let said = report::from_json(&fs::read_to_string(results.path().join("load.json"))?)?;
    // A tenth of the people come through relays, because both services have gateways.
    assert_eq!(said.run.settings["relayed"], "0.1");
    let uploads = said.operation("upload").map_or(0, |upload| upload.done);
    let reports = said.operation("report").map_or(0, |report| report.done);
    assert!(uploads > 20 && reports > 0, "{uploads} uploads and {reports} reports");
    Ok(())
}
