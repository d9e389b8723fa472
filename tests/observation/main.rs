//! Whoever reads all logs and all metrics of both services, as often as they like, finds nothing in them that a person was given, and cannot tell whose
//! keys are whose.
//!
//! A thousand people come one after the other, a few seconds apart, and go the whole way from the code to the upload, while both services log as much as
//! they can be made to and somebody reads all their metrics after every single request. The attack knows of each line that was logged and of each number
//! that moved which people's requests had been answered since the last time: those may have brought it about. It joins what the verification service
//! shows with what the key server shows, by time, by rank and by the words that both contain, and guesses for each upload whose code led to it.
//!
//! Counts are published every five minutes, so that whoever reads them knows in which five minutes how many came. Chance is to guess among those. Tests
//! hold the attack to account: it must succeed where there is something to find.

mod join;
mod watcher;

use anyhow::ensure;
use join::Verdict;
use serde_json::Value;
use service::LogFormat;
use tests::crowd::{Asked, Crowd};
use tests::engine::Engine;
use tests::search;
use watcher::{Event, Log, Stream, Watcher};

/// How many people come.
const PEOPLE: usize = 1_000;
/// What has fewer bytes may stand among the digits of a sum by chance: 13 of them do so once in millions of years of tests.
const SHORT: usize = 13;

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_metrics_joined_tell_neither_secrets_nor_who_uploaded_what() -> anyhow::Result<()> {
    let log = Log::default();
    let place = log.clone();
    service::log_to(move || place.clone(), "trace", LogFormat::Json);
    let mut watcher = Watcher::new(log);
    let crowd = Crowd::play_watched(Engine::Sqlite, PEOPLE, &mut watcher).await?;
    watcher.end(&crowd.system);

    ensure_nothing_secret(&crowd, &watcher)?;
    ensure_nothing_between_steps(&watcher)?;
    let verdict = join::attack(&watcher.streams(), &watcher.company());
    println!("{verdict:?}");
    assert!(verdict.is_chance(), "{verdict:?}");
    the_attack_finds_what_is_planted(&watcher);
    Ok(())
}

/// Neither codes, tokens, certificates, commitments, numbers, addresses and traces of callers, nor keys; and what is there is found.
fn ensure_nothing_secret(crowd: &Crowd, watcher: &Watcher) -> anyhow::Result<()> {
    let known = ["pratique_server_requests_total", "pratique_verification_requests_total", "go into a file"];
    let known = known.map(|name| name.as_bytes().to_vec());
    for read in [&watcher.seen, &watcher.said] {
        ensure!(search::found(&known, read)? == known.len(), "metrics and log were read");
    }

    let mut secrets = crowd.secrets.spelt();
    for key in crowd.keys.keys() {
        secrets.extend(search::spellings(&hex::decode(key)?));
    }
    for row in crowd.people.keys() {
        secrets.extend(search::spellings(&hex::decode(row)?));
    }
    ensure!(secrets.len() > 100 * PEOPLE);
    // Codes and numbers of eight digits are looked for in names, labels and lines; what is longer, everywhere.
    let (short, long): (Vec<_>, Vec<_>) = secrets.into_iter().partition(|secret| secret.len() < SHORT);
    let leaked = search::found(&short, &watcher.said)? + search::found(&long, &watcher.seen)?;
    ensure!(leaked == 0, "{leaked} secrets are found");
    Ok(())
}

/// A number that moves between steps says that somebody has just come; a line says when.
fn ensure_nothing_between_steps(watcher: &Watcher) -> anyhow::Result<()> {
    ensure!(watcher.steps > 40, "{} steps", watcher.steps);
    for asked in [Asked::Verification, Asked::Server] {
        let moved = watcher.between_steps(asked);
        ensure!(moved.is_empty(), "{asked:?}: these moved: {moved:?}");
    }
    // One at the start, of the file that text messages go to.
    let lines: Vec<Value> = watcher.lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?;
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            ensure!(line[field].is_string(), "{field}: {line}");
        }
    }
    ensure!(lines.len() < 10, "{} lines for {PEOPLE} people", lines.len());
    Ok(())
}

/// What the attack would read if a service told of each request: a number, a line, a word that both say.
fn the_attack_finds_what_is_planted(watcher: &Watcher) {
    let telling = |asked, word: &dyn Fn(usize) -> String, order: &dyn Fn(usize) -> usize| {
        let event = |at: usize| {
            let person = order(at);
            Event { at: at as u64, owners: [person].into(), text: word(person) }
        };
        Stream { name: "planted", asked, events: (0..PEOPLE).map(event).collect() }
    };
    let (in_order, shuffled) = (|at: usize| at, |at: usize| at * 17 % PEOPLE);
    let nothing = |_: usize| String::new();
    let number = |person: usize| format!("{:016x}", (person as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let company = watcher.company();
    for (word, order) in
        [(&nothing as &dyn Fn(usize) -> String, &in_order as &dyn Fn(usize) -> usize), (&number, &shuffled)]
    {
        let planted = [telling(Asked::Verification, word, &in_order), telling(Asked::Server, word, order)];
        let verdict: Verdict = join::attack(&planted, &company);
        assert!(verdict.is_certain(), "{verdict:?}");
    }
}
