//! `fuzz`: replays the corpus of every decoder and mutates it, on the stable toolchain.

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tests::fuzz::{self, Corpus, Effort, Failure, TARGETS, Target};

/// How many targets run at a time: as many as a small machine has cores. More would share the memory that decoders may take together.
const AT_ONCE: usize = 2;

/// Feeds every decoder with its corpus and with mutations of it.
#[derive(Parser)]
#[command(name = "fuzz")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Replays the corpus, then mutates it.
    Run {
        /// How long to mutate each target, in seconds; 0 only replays.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// From which every mutation follows.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Targets; all if none is named.
        targets: Vec<String>,
    },
    /// Writes the valid samples from which mutation begins into tests/corpus/.
    Seed,
    /// Prints the names of the targets.
    List,
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Run { seconds, seed, targets } => run(Effort { time: Duration::from_secs(seconds), seed }, &targets),
        Command::Seed => {
            println!("{} samples written", fuzz::write_samples(&fuzz::corpus_directory())?);
            Ok(ExitCode::SUCCESS)
        }
        Command::List => {
            TARGETS.iter().for_each(|target| println!("{}", target.name));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run(effort: Effort, names: &[String]) -> anyhow::Result<ExitCode> {
    if let Some(unknown) = names.iter().find(|name| fuzz::by_name(name).is_none()) {
        anyhow::bail!("no target is called {unknown}; `fuzz list` names them");
    }
    let wanted = TARGETS.iter().filter(|target| names.is_empty() || names.iter().any(|name| name == target.name));
    let queue = Mutex::new(wanted);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || -> anyhow::Result<ExitCode> {
        while let Some(target) = next() {
            if let Err(failure) = run_target(target, effort)? {
                println!("{}: FAILED on {}", target.name, failure.saved.display());
                println!("to see it again, copy the file to tests/corpus/{}/ and run with --seconds 0", target.name);
                // Nothing else is begun.
                while next().is_some() {}
                return Ok(ExitCode::FAILURE);
            }
        }
        Ok(ExitCode::SUCCESS)
    };
    thread::scope(|scope| {
        let workers = [(); AT_ONCE].map(|()| scope.spawn(work));
        // All of them end before the first is heard.
        let ended = workers.map(|worker| worker.join().expect("what a decoder does is caught"));
        let failed = |end: &anyhow::Result<ExitCode>| !matches!(end, Ok(code) if *code == ExitCode::SUCCESS);
        ended.into_iter().find(failed).unwrap_or(Ok(ExitCode::SUCCESS))
    })
}

fn run_target(target: &'static Target, effort: Effort) -> anyhow::Result<Result<(), Failure>> {
    let corpus = Corpus::read(&fuzz::corpus_directory(), target)
        .map_err(|error| anyhow::anyhow!("tests/corpus/{}: {error}", target.name))?;
    let outcome = fuzz::replay(target, &corpus).and_then(|replayed| {
        let mutated = fuzz::mutate(target, &corpus, effort)?;
        println!("{:14} {replayed:3} replayed, {mutated:8} mutations, seed {}", target.name, effort.seed);
        Ok(())
    });
    Ok(outcome)
}
