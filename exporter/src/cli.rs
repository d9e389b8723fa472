//! The command line: what can be typed, and what it answers.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use service::{LogFormat, Variables};
use store::Clock;

mod adopt;
mod audit;
mod index;
mod inspect;
mod keys;
mod once;
mod output;
mod prune;
mod quarantine;
mod recall;
mod rederive;
mod run;
mod status;
mod traces;
mod verdicts;

/// What variables of its environment are its settings.
const VARIABLES: Variables = Variables { prefix: "EXPORTER", families: &[] };
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
    /// Publishes on a schedule, until it is asked to end: each feed is sealed once in its period, and what failed is tried again.
    #[command(after_long_help = run::HELP)]
    Run(run::RunArgs),
    /// Says where every feed and every bucket stands, and changes nothing.
    #[command(after_long_help = status::HELP)]
    Status(status::StatusArgs),
    /// One pass: seal what waits, derive and sign the bundles, put them into every bucket, list them, and take away what is too old.
    #[command(after_long_help = once::HELP)]
    Once(once::OnceArgs),
    /// The end of a pass alone: takes away what is older than its time, and publishes nothing new.
    #[command(after_long_help = prune::HELP)]
    Prune(prune::PruneArgs),
    /// Derives bundles once more from their rows alone, and compares with what was published.
    #[command(after_long_help = rederive::HELP)]
    Rederive(rederive::RederiveArgs),
    /// Compares every live object on every replica with the database.
    #[command(after_long_help = audit::HELP)]
    Audit(audit::AuditArgs),
    /// After the database was restored from a copy: takes over what the buckets know, so that sealing goes on.
    #[command(after_long_help = adopt::HELP)]
    Adopt(adopt::AdoptArgs),
    /// Indexes and manifests.
    #[command(subcommand)]
    Index(index::IndexCommand),
    /// Takes a bundle back: out of every list, and what is good in it is published again.
    #[command(after_long_help = recall::HELP)]
    Recall(recall::RecallArgs),
    /// Sets aside rows that break an invariant, so that their feed goes on.
    #[command(after_long_help = quarantine::HELP)]
    Quarantine(quarantine::QuarantineArgs),
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
  exporter run --database-url sqlite:keys.db --signing-key-dir keys --bucket main=file:/srv/cdn --policy 'NO/gaen period=2h minimum=500'
  exporter inspect --key keys/NO-gaen.pem https://cdn.example.org/NO/gaen/1790000000-1790014400-00001.zip

The database URL of PostgreSQL takes the parameters of libpq, and connections=N (at most that many at a time; 16 unless set),
statement_timeout=SECONDS (how long a statement may take; 60), sslmode, sslrootcert, and password_file=FILE in place of a password;
connect_timeout=SECONDS is also how long to wait for a connection that is free (5), and tcp_user_timeout=SECONDS how long
a machine may leave unconfirmed what was sent to it (10): so one that has vanished is noticed.

A bucket is a directory, file:PATH, or a part of an object store, s3://BUCKET/PREFIX?NAME=VALUE&NAME=VALUE. The names:
  endpoint         the store's URL, for instance https://s3.example.org; Amazon's unless set
  region           the store's region; what AWS_REGION, a profile or the machine says unless set
  path-style       true: the bucket stands in the path; false: in the host's name; unless set, true if there is an endpoint
  sse              how the store encrypts what it keeps: AES256, aws:kms or aws:kms:dsse; as the bucket is set unless set
  sse-key          the id of the key for aws:kms and aws:kms:dsse
  storage-class    for instance STANDARD_IA; as the bucket is set unless set
  unconditional    true: take a store that cannot write on a condition. Then one exporter alone may write there.
Credentials never stand in the URL: they come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, a profile (AWS_PROFILE), a web
identity (AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN), or the role of the machine. They need the rights to get, put and delete objects and to
list the bucket. Whether the store heeds conditions is tried at the start, with an object called .pratique-probe below the prefix.

Environment: a variable that begins with EXPORTER_ and is a setting of no command here stops the program, so that a slip of the pen is found; what
container platforms set for services (EXPORTER_PORT_..., EXPORTER_SERVICE_...) is left alone.

Every command documents its exit codes in its own --help; 64 always means that the command line was not understood: 2, which says so
elsewhere, has a meaning of its own.";

/// Reads the command line and does what it says, by this clock: the system's, unless a test moves it.
pub async fn run(clock: &Clock) -> ExitCode {
    match service::understand::<Cli>(Cli::command(), VARIABLES) {
        Ok(cli) => {
            match &cli.command {
                Command::Run(args) => service::log_to_stderr("info", LogFormat::for_long(args.log_format())),
                _ => service::log_to_stderr("warn", LogFormat::Text),
            }
            ExitCode::from(dispatch(cli.command, clock).await)
        }
        Err(usage) => {
            let code = if usage.use_stderr() { USAGE } else { 0 };
            ExitCode::from(code)
        }
    }
}

async fn dispatch(command: Command, clock: &Clock) -> u8 {
    match command {
        Command::Run(args) => run::run(&args, clock).await,
        Command::Status(args) => status::status(&args, clock).await,
        Command::Once(args) => once::once(&args, clock).await,
        Command::Prune(args) => prune::prune(&args, clock).await,
        Command::Rederive(args) => rederive::compare(&args, clock).await,
        Command::Audit(args) => audit::audit(&args, clock).await,
        Command::Index(command) => index::index(&command, clock).await,
        Command::Adopt(args) => adopt::adopt(&args, clock).await,
        Command::Recall(args) => recall::recall(&args, clock).await,
        Command::Quarantine(args) => quarantine::set_aside(&args, clock).await,
        Command::Inspect(args) => inspect::look(&args).await,
        Command::Keys(command) => keys::keys(&command, clock),
    }
}
