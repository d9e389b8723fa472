//! A country's day, made small.

use stack::{Engine, Trial};

/// How long people come, in seconds; with the wait for the last export processes are watched for two minutes.
const SECONDS: u32 = 75;
/// How long phones poll alone.
const POLLING_SECONDS: u32 = 12;

#[test]
fn under_a_countrys_load_nothing_fails_or_leaks_and_polling_phones_reach_no_database() -> anyhow::Result<()> {
    let results = tempfile::tempdir()?;
    let load = "custom --uploads 1 --reports 0.2 --chaff 0.5 --polls 10";
    let load = load.split(' ').map(str::to_owned).collect();
    let options = Trial::deployment();
    assert_eq!(options.engine, Engine::Postgres);
    let directory = results.path().to_owned();
    let polling_seconds = POLLING_SECONDS;
    let trial = Trial { load, seconds: SECONDS, polls: 20, polling_seconds, results: directory, options };
    let outcome = trial.run()?;
    println!("{outcome}");
    outcome.ensure_good()?;
    assert!(!outcome.courses.is_empty());
    Ok(())
}
