//! Runs a target over its corpus and over mutations of it, and keeps the input that broke a promise.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::corpus::Corpus;
use super::mutator::Mutator;
use super::target::Target;

/// An input that takes longer than this is a failure too: a phone or a handler would hang on it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to mutate, and where to begin.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// For how long.
    pub time: Duration,
    /// From which everything follows.
    pub seed: u64,
}

/// A target broke a promise.
#[derive(Debug)]
pub struct Failure {
    /// The input, saved.
    pub saved: PathBuf,
}

/// Feeds a target with every input of its corpus; answers how many there are.
///
/// # Errors
/// The first input that made the target panic.
pub fn replay(target: &'static Target, corpus: &Corpus) -> Result<usize, Failure> {
    let guard = Guard::new(target);
    for (_, input) in &corpus.inputs {
        guard.run(input)?;
    }
    Ok(corpus.inputs.len())
}

/// Feeds a target with mutations of its corpus; answers how many were tried.
///
/// # Errors
/// The first input that made the target panic.
pub fn mutate(target: &'static Target, corpus: &Corpus, effort: Effort) -> Result<u64, Failure> {
    let guard = Guard::new(target);
    let mut mutator = Mutator::new(effort.seed, target.dictionary);
    let begin = Instant::now();
    let mut tried = 0;
    while begin.elapsed() < effort.time {
        guard.run(&mutator.next(&corpus.inputs))?;
        tried += 1;
    }
    Ok(tried)
}

/// An input that is being tried, and since when.
type Running = (Instant, Vec<u8>);

/// Runs one input at a time, under the eye of a watchdog that ends the process when one hangs.
struct Guard {
    target: &'static Target,
    /// Guards the input that runs now, if any; the watchdog reads it.
    running: Arc<Mutex<Option<Running>>>,
    /// Dropping it ends the watchdog.
    _alive: std::sync::mpsc::Sender<()>,
}

impl Guard {
    fn new(target: &'static Target) -> Self {
        let running = Arc::new(Mutex::new(None));
        let (alive, ended) = channel();
        let watched = Arc::clone(&running);
        std::thread::spawn(move || watch(target, &watched, &ended));
        Self { target, running, _alive: alive }
    }

    fn run(&self, input: &[u8]) -> Result<(), Failure> {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), input.to_vec()));
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
        outcome.map_err(|_| Failure { saved: save(self.target, input) })
    }
}

fn watch(target: &Target, running: &Mutex<Option<Running>>, ended: &Receiver<()>) {
    while ended.recv_timeout(PATIENCE / 10) == Err(RecvTimeoutError::Timeout) {
        let now = running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, input)) = now.as_ref().filter(|(since, _)| since.elapsed() > PATIENCE) {
            let saved = save(target, input);
            eprintln!("{}: hangs; the input is {}", target.name, saved.display());
            std::process::exit(1);
        }
    }
}

/// Saves an input under `target/fuzz-failures/` of the workspace, named by its content.
fn save(target: &Target, input: &[u8]) -> PathBuf {
    use sha2::Digest as _;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz-failures").join(target.name);
    let path = folder.join(hex::encode(&sha2::Sha256::digest(input)[..8]));
    if let Err(error) = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input)) {
        eprintln!("the input could not be saved ({error}); in hex it is {}", hex::encode(input));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_breaks_a_promise_is_found_and_saved() {
        static BRITTLE: Target =
            Target { name: "self_test", run: |data| assert!(data.len() != 3, "three bytes"), dictionary: &[] };
        let corpus = Corpus { inputs: vec![("four".to_owned(), vec![1, 2, 3, 4])] };
        assert_eq!(replay(&BRITTLE, &corpus).expect("four bytes are fine"), 1);
        let effort = Effort { time: Duration::from_secs(60), seed: 1 };
        let failure = mutate(&BRITTLE, &corpus, effort).expect_err("three bytes are soon tried");
        assert_eq!(fs::read(&failure.saved).expect("saved").len(), 3);
        fs::remove_dir_all(failure.saved.parent().expect("it stands in a folder")).expect("nobody else looks at it");
    }
}
