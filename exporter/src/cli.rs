//! The command line: what can be typed, and what it answers.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod inspect;
mod keys;
mod once;
mod output;
mod prune;
mod rederive;
mod verdicts;

/// The exit code for a command line that was not understood, as in sysexits.h, so that 1 and 2 keep their meaning.
const USAGE: u8 = 64;

/// Publishes what was uploaded: signed bundles for phones, in one or more buckets.
#[derive(Debug, Parser)]
#[command(name = "exporter", version, after_long_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One pass: seal what waits, derive and sign the bundles, put them into every bucket, list them, and take away what is too old.
    #[command(after_long_help = once::HELP)]
    Once(once::OnceArgs),
    /// The end of a pass alone: takes away what is older than its time, and publishes nothing new.
    #[command(after_long_help = prune::HELP)]
    Prune(prune::PruneArgs),
    /// Derives bundles once more from their rows alone, and compares with what was published.
    #[command(after_long_help = rederive::HELP)]
    Rederive(rederive::RederiveArgs),
    /// Says what is in a bundle, whether phones would take it, and whether it is what this project would publish.
    #[command(after_long_help = inspect::HELP)]
    Inspect(inspect::InspectArgs),
    /// The signing keys of regions.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
}

const EXAMPLES: &str = "\
Examples:
  exporter keys generate --region NO --dir keys
  exporter once --database-url sqlite:keys.db --signing-key-dir keys --bucket main=file:/srv/cdn
  exporter inspect --key keys/NO-gaen.pem https://cdn.example.org/NO/gaen/1790000000-1790014400-00001.zip

The database URL of PostgreSQL takes the parameters of libpq, and connections=N (at most that many at a time; 16 unless set),
statement_timeout=SECONDS (how long a statement may take; 60), sslmode and sslrootcert; connect_timeout=SECONDS is also how long to wait for a
connection that is free (5).

`once` and `inspect` document their exit codes in their own --help; 64 always means that the command line was not understood: 2, which says so
elsewhere, has a meaning of its own.";

/// Reads the command line and does what it says.
pub async fn run() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => ExitCode::from(dispatch(cli.command).await),
        Err(usage) => {
            let code = if usage.use_stderr() { USAGE } else { 0 };
            // Nothing can be done about a terminal that is gone.
            let _ = usage.print();
            ExitCode::from(code)
        }
    }
}

async fn dispatch(command: Command) -> u8 {
    match command {
        Command::Once(args) => once::once(&args).await,
        Command::Prune(args) => prune::prune(&args).await,
        Command::Rederive(args) => rederive::compare(&args).await,
        Command::Inspect(args) => inspect::look(&args).await,
        Command::Keys(command) => keys::keys(&command),
    }
}
