//! Whoever reads all logs and all metrics of both services, as often as they like, finds nothing in them that a person was given, and cannot tell whose
//! keys are whose.
//!
//! A thousand people come one after the other, a few seconds apart, and go the whole way from the code to the upload, while both services log as much as
//! they can be made to and somebody reads all their metrics after every single request. The attack knows of each line that was logged and of each number
//! that moved which people's requests had been answered since the last time: those may have brought it about. It joins what the verification service
//! shows with what the key server shows, by time, by rank and by the words that both contain, and guesses for each upload whose code led to it.
//!
//! Meanwhile strangers are refused, chaff passes, an authority changes its keys, a provider takes no text messages, requests fail and connections to the
//! database die: all of that at the moment of somebody's request, and none of it may say when that was.
//!
//! Counts are published every five minutes, so that whoever reads them knows in which five minutes how many came. Chance is to guess among those. Tests
//! hold the attack to account: it must succeed where there is something to find, be it of a few people alone.
//!
//! Chance raises a false alarm in fewer than one of 10,000 runs, see [`join`]: lines are known by their words, and whatever moves outside a step is told by
//! its name; only the attack guesses.

mod exporting;
mod join;
mod lines;
mod troubles;
mod watcher;

use anyhow::ensure;
use join::Verdict;
use service::LogFormat;
use tests::crowd::{Asked, Crowd};
use tests::engine::Engine;
use tests::search;
use watcher::{Event, Log, Source, Stream, Watcher};

/// How many people come.
const PEOPLE: usize = 1_000;
/// What has fewer bytes may stand among the digits of a sum by chance: 13 of them do so once in millions of years of tests.
const SHORT: usize = 13;
/// What a panic of the test says. It must not be read.
const PANIC: &str = "nobody is to read this";
/// How many people a small leak names.
const FEW: usize = 35;

// On PostgreSQL, where connections die and more has something to say than on SQLite.
#[tokio::test(flavor = "multi_thread")]
async fn logs_and_metrics_joined_tell_neither_secrets_nor_who_uploaded_what() -> anyhow::Result<()> {
    let log = Log::default();
    let place = log.clone();
    service::log_to(move || place.clone(), "trace", LogFormat::Json);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        quiet(panic);
        // Whoever runs this test may know why it failed.
        eprintln!("{panic}");
    }));
    let mut watcher = Watcher::new(log);
    let crowd = Crowd::play_watched(Engine::Postgres, PEOPLE, &mut watcher).await?;
    ensure!(std::thread::spawn(|| panic!("{PANIC}")).join().is_err());
    watcher.end(&crowd.system).await;

    ensure_nothing_secret(&crowd, &watcher)?;
    ensure_steps_end_together(&watcher)?;
    ensure_nothing_between_steps(&watcher)?;
    lines::ensure_known(&watcher.lines)?;
    let (streams, company) = (watcher.streams(), watcher.company());
    let verdict = join::attack(&streams, &company);
    println!("{verdict:?}");
    ensure!(verdict.is_chance(), "{verdict:?}");
    the_attack_finds_what_is_planted(&company)?;
    the_attack_finds_what_names_a_few(streams, &company)
}

/// Neither codes, tokens, certificates, commitments, numbers, addresses and traces of callers, nor keys; and what is there is found.
fn ensure_nothing_secret(crowd: &Crowd, watcher: &Watcher) -> anyhow::Result<()> {
    let known = [
        "pratique_server_requests_total",
        "pratique_verification_requests_total",
        "pratique_exporter_waiting",
        "go into a file",
    ];
    let known = known.map(|name| name.as_bytes().to_vec());
    for read in [&watcher.seen, &watcher.said] {
        ensure!(search::found(&known, read)? == known.len(), "metrics and log were read");
    }

    let mut secrets = crowd.secrets.spelt();
    secrets.push(PANIC.as_bytes().to_vec());
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

/// Were the steps of one service to end between those of the other, both together would tell of shorter times than each alone. One person may come between
/// two clocks that differ by seconds.
fn ensure_steps_end_together(watcher: &Watcher) -> anyhow::Result<()> {
    let [one, other] = [Asked::Verification, Asked::Server].map(|asked| watcher.steps(asked));
    ensure!(one.len() > 40 && one.len().abs_diff(other.len()) <= 1, "{} and {} steps", one.len(), other.len());
    let apart = one.iter().rev().zip(other.iter().rev()).filter(|(one, other)| one.abs_diff(**other) > 1).count();
    ensure!(apart == 0, "{apart} steps end apart: {one:?} {other:?}");
    Ok(())
}

/// A number that moves between steps says that somebody has just come. An exporter has no steps of phones: what it shows changes with the quarter of an
/// hour.
fn ensure_nothing_between_steps(watcher: &Watcher) -> anyhow::Result<()> {
    for asked in [Asked::Verification, Asked::Server] {
        let moved = watcher.between_steps(asked);
        ensure!(moved.is_empty(), "{asked:?}: these moved: {moved:?}");
    }
    let moved = watcher.exporting.within_a_quarter();
    ensure!(watcher.exporting.pairs > 5, "{} pairs of passes", watcher.exporting.pairs);
    ensure!(moved.is_empty(), "these moved within a quarter of an hour: {moved:?}");
    Ok(())
}

/// What a program tells of each of these people: a word, in this order.
fn telling(source: Source, people: impl Iterator<Item = usize>, word: &dyn Fn(usize) -> String) -> Stream {
    let event = |(at, person): (usize, usize)| Event { at: at as u64, owners: [person].into(), text: word(person) };
    Stream { name: "planted", source, events: people.enumerate().map(event).collect() }
}

fn number(person: usize) -> String {
    format!("{:016x}", (person as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// What the attack would read if a service told of each request: a number, a line, a word that both say.
fn the_attack_finds_what_is_planted(company: &[usize]) -> anyhow::Result<()> {
    let shuffled = || (0..PEOPLE).map(|at| at * 17 % PEOPLE);
    let nothing = |_: usize| String::new();
    for planted in [
        [telling(Source::Verification, 0..PEOPLE, &nothing), telling(Source::Server, 0..PEOPLE, &nothing)],
        [telling(Source::Verification, 0..PEOPLE, &number), telling(Source::Server, shuffled(), &number)],
        [telling(Source::Verification, 0..PEOPLE, &number), telling(Source::Exporter, shuffled(), &number)],
    ] {
        let verdict = join::attack(&planted, company);
        ensure!(verdict.is_certain(), "{verdict:?}");
    }
    Ok(())
}

/// A leak that names a few with certainty drowns in the mean of all, and must be found all the same: among everything that was read, one line of each of
/// them at either service.
fn the_attack_finds_what_names_a_few(streams: Vec<Stream>, company: &[usize]) -> anyhow::Result<()> {
    let few = || (0..FEW).map(|at| at * 28 + 3);
    let mut planted = streams;
    for source in [Source::Verification, Source::Server] {
        planted.push(telling(source, few(), &number));
    }
    let verdict: Verdict = join::attack(&planted, company);
    ensure!(!verdict.is_chance() && !verdict.is_certain(), "a few and no more: {verdict:?}");
    Ok(())
}
