//! The command line: what can be typed, and what it answers.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use proto::Region;
use proto::bundle::BundleKey;
use store::Clock;

use crate::config::Settings;
use crate::error::ExportError;
use crate::inspect::inspect;
use crate::keys;
use crate::report::Report;
use crate::run::Exporter;

mod verdicts;

use verdicts::describe;

/// The exit code for a command line that was not understood, as in sysexits.h, so that 1 and 2 keep their meaning.
const USAGE: u8 = 64;
/// The exit code of `inspect` when there is nothing to inspect.
const UNREADABLE: u8 = 3;

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
    #[command(after_long_help = ONCE)]
    Once(OnceArgs),
    /// The end of a pass alone: takes away what is older than its time, and publishes nothing new.
    #[command(after_long_help = PRUNE)]
    Prune(PruneArgs),
    /// Says what is in a bundle, whether phones would take it, and whether it is what this project would publish.
    #[command(after_long_help = INSPECT)]
    Inspect(InspectArgs),
    /// The signing keys of regions.
    #[command(subcommand)]
    Keys(KeysCommand),
}

#[derive(Debug, Args)]
struct OnceArgs {
    #[command(flatten)]
    settings: Settings,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PruneArgs {
    #[command(flatten)]
    settings: Settings,

    /// Change nothing: say what would be done now.
    #[arg(long)]
    dry_run: bool,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct InspectArgs {
    /// A bundle: a file, or a URL that begins with http:// or https://.
    #[arg(value_name = "FILE|URL")]
    source: String,

    /// The public key that should have signed it, as PEM (`REGION-gaen.pem` or `REGION-tcn.pem`). Without it the signature is not checked. Of a
    /// bundle with several signatures some phones read only the first and others want each to verify: give every key, the flag once each.
    #[arg(long = "key", value_name = "PEM")]
    keys: Vec<PathBuf>,

    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Makes the three keys of a region: for GAEN bundles (ECDSA P-256), TCN bundles and manifests (Ed25519). Never overwrites a file.
    Generate(GenerateArgs),
}

#[derive(Debug, Args)]
struct GenerateArgs {
    /// The region, for instance NO or US-WA.
    #[arg(long)]
    region: Region,

    /// Where the files go: private keys (`*.key.pem`, mode 0600) with their public halves (`*.pem`) beside them.
    #[arg(long)]
    dir: PathBuf,

    /// Print the files as JSON: {"region", "files": [PATH]}, or {"error", "kind"}.
    #[arg(long)]
    json: bool,
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

const ONCE: &str = "\
What it does, feed by feed: announces the signing key and the keys of gateways in the manifest, seals what may be released if it reaches the
minimum, then brings every bucket up to date: bundles first, each read back and checked as a phone would, then manifest and index. Whatever an
earlier pass left undone is done now, so it may be run at any time, killed at any time, and by several machines at once.

14 days after its end a bundle leaves manifest and index. A day after a bucket has ceased to list it, its object is deleted there; once it is gone
from every bucket, its rows are removed, and the keys that no other bundle needs. What waits is kept, however old. Name every bucket in every pass:
one that is not named is not waited for, and what it holds stays there.

Exit codes:
  0   all is done; a feed that is held because too little waits counts as done
  1   something failed that is worth another try: a database, bucket or disk that did not answer. Run it again.
  2   somebody has to look: a missing or unsafe key, a setting, a foreign object under our name, a row that contradicts itself
  64  the command line was not understood

JSON (--json): {\"feeds\": [{\"feed\", \"number\", \"sealed\": [{\"sequence\", \"count\", \"revised\", \"start\", \"end\"}], \"waiting\": null or {\"held\",
\"unripe\", \"minimum\"}, \"delisted\": [SEQUENCE], \"purged\": {\"bundles\": [SEQUENCE], \"publications\", \"entries\"}, \"buckets\": [{\"bucket\", \"put\":
[SEQUENCE], \"number\", \"bundles\", \"moved\", \"deleted\": [SEQUENCE], \"failures\"}], \"failures\": [{\"kind\": \"retry|give-up|corrupt\",
\"message\"}]}], \"forgotten\": COUNT if not 0, \"failures\" outside the feeds if there are any}, or {\"error\", \"kind\"} if the pass could not
begin. Times are UTC seconds.

Log lines go to standard error; RUST_LOG sets what is logged (for instance debug), the default is warn.";

const PRUNE: &str = "\
`once` does all of this at its end; `exporter once --help` says what and when, and explains exit codes and JSON. Here the JSON of a dry run has
\"dry_run\": true. A dry run reports what can be done now: that a bundle is de-listed today lets its object be deleted tomorrow.";

const INSPECT: &str = "\
Two verdicts:
  phone      the strictest phone would accept it: container, limits, every field, and with --key its signatures
  canonical  it is byte for byte what this project's writer makes of its content, and no GAEN key in it was published
             less than two hours after the end of its validity (phones do not check that)

Exit codes:
  0   both hold, and every signature verifies
  1   a phone would refuse it
  2   it is not canonical, or a signature was not checked because its --key was not given
  3   there is nothing to inspect: the file, URL or key cannot be read
  64  the command line was not understood

JSON (--json): {\"phone\": {\"holds\", \"reason\"}, \"canonical\": {\"holds\", \"reason\"}, \"signature\":
\"verified|failed|partly checked|not checked\", \"bytes\", \"zip_sha256\"} and, if it can be read, {\"kind\", \"region\", \"start\", \"end\",
\"keys\", \"revised\", \"report_types\": {TYPE: COUNT}, \"signing_keys\": [\"ID-VERSION\"], \"export_bytes\", \"export_sha256\"}; {\"error\"} with exit
code 3. Times are UTC seconds, hashes lower-case hex.";

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
        Command::Once(args) => once(&args).await,
        Command::Prune(args) => prune(&args).await,
        Command::Inspect(args) => look(&args).await,
        Command::Keys(KeysCommand::Generate(args)) => generate(&args),
    }
}

async fn once(args: &OnceArgs) -> u8 {
    let done = match Exporter::open(&args.settings, Clock::system()).await {
        Ok(exporter) => exporter.once().await,
        Err(why) => Err(why),
    };
    tell(done, args.json)
}

async fn prune(args: &PruneArgs) -> u8 {
    let done = match Exporter::open(&args.settings, Clock::system()).await {
        Ok(exporter) => exporter.prune(args.dry_run).await,
        Err(why) => Err(why),
    };
    tell(done, args.json)
}

/// Prints a report; the exit code.
fn tell(done: Result<Report, ExportError>, json: bool) -> u8 {
    match done {
        Ok(report) => {
            if json {
                print_json(&report);
            } else {
                say(&report);
            }
            report.exit_code()
        }
        Err(why) => fail(&why, json),
    }
}

async fn look(args: &InspectArgs) -> u8 {
    let unreadable = |why: String| {
        if args.json {
            print_json(&serde_json::json!({ "error": why }));
        } else {
            complain(&why);
        }
        UNREADABLE
    };
    let keys: Vec<BundleKey> = match args.keys.iter().map(read_key).collect() {
        Ok(keys) => keys,
        Err(why) => return unreadable(why),
    };
    match crate::fetch::fetch(&args.source).await {
        Ok(zip) => {
            let found = inspect(&zip, &keys);
            if args.json {
                print_json(&found);
            } else {
                say(&describe(&args.source, &found));
            }
            found.exit_code()
        }
        Err(why) => unreadable(why.to_string()),
    }
}

fn read_key(path: &PathBuf) -> Result<BundleKey, String> {
    let refusal = |why: String| format!("{}: {why}; --key takes a public key as PEM", path.display());
    let pem = std::fs::read_to_string(path).map_err(|why| refusal(why.to_string()))?;
    BundleKey::from_pem(&pem).map_err(|why| refusal(why.to_string()))
}

fn generate(args: &GenerateArgs) -> u8 {
    match keys::generate(&args.dir, &args.region) {
        Ok(files) => {
            if args.json {
                print_json(&serde_json::json!({ "region": args.region.as_str(), "files": files }));
            } else {
                files.iter().for_each(|file| say(&format_args!("{}\n", file.display())));
            }
            0
        }
        Err(why) => fail(&why, args.json),
    }
}

fn fail(why: &ExportError, json: bool) -> u8 {
    if json {
        print_json(&serde_json::json!({ "error": why.to_string(), "kind": why.kind() }));
    } else {
        complain(why);
    }
    match why {
        ExportError::Retry(_) => 1,
        ExportError::GiveUp(_) | ExportError::Corrupt(_) => 2,
    }
}

fn print_json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => say(&format_args!("{text}\n")),
        Err(why) => complain(&format_args!("the report cannot be written as JSON: {why}")),
    }
}

/// Writes to standard output. A reader that went away, as `head` does, changes neither what was done nor the exit code.
fn say(text: &dyn Display) {
    let _ = write!(io::stdout(), "{text}");
}

/// Writes a line to standard error, on the same terms.
fn complain(text: &dyn Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
