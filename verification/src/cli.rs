//! The command line.

pub(crate) mod session;
mod table;

pub(crate) mod api_key;
pub(crate) mod authority;
pub(crate) mod codes;
mod issue_many;
pub(crate) mod keys;
pub(crate) mod secret;
pub(crate) mod stats;

use std::net::SocketAddr;
use std::path::PathBuf;

use api_key::ApiKeyCommand;
use authority::AuthorityCommand;
use clap::{Args, Parser, Subcommand};
use codes::{Expire, Issue, Look};
use keys::KeysCommand;
use secret::SecretCommand;
use service::ohttp::{KeyCommand, Program};
use service::{EdgeSettings, LimitSettings, LogFormat, TestDeploymentSettings, Variables};
use stats::{ShowStats, WithholdingFlags};
use verification::{Budgets, DatabaseSettings, Settings};

/// The verification service of Pratique: gives people codes on a health authority's behalf and turns them into certificates.
///
/// Staff POST to /api/issue and hand the code to a person. The person's phone POSTs it to /api/verify and gets a token, and the
/// token to /api/certificate and gets a certificate: with it the phone may upload to the key server, which knows nothing of codes.
#[derive(Debug, Parser)]
#[command(name = "verification", version, after_long_help = FIRST_STEPS)]
pub(crate) struct Cli {
    /// Write results as JSON, for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  export VERIFICATION_DATABASE_URL=sqlite:codes.db
  export VERIFICATION_SECRET_FILE=codes.secret VERIFICATION_SIGNING_KEY_DIR=signing-keys
  verification secret create
  verification authority create --id example
  verification keys generate --authority example --public-key example.pem
  ADMIN=$(verification api-key create --authority example --kind admin)
  DEVICE=$(verification api-key create --authority example --kind device)
  verification serve --listen 127.0.0.1:8080 &
  curl -H \"X-API-Key: $ADMIN\" --json '{\"testType\":\"confirmed\"}' http://127.0.0.1:8080/api/issue
Then let the key server believe it: server authority add --id example --public-key example.pem --region XX

The URL of a PostgreSQL database takes the parameters of libpq, and connections=N (at most that many at a time; 16 unless set),
statement_timeout=SECONDS (how long a statement may take; 60), sslmode, sslrootcert, and password_file=FILE in place of a password;
connect_timeout=SECONDS is also how long a request waits for a connection that is free (5), and tcp_user_timeout=SECONDS how long
a machine may leave unconfirmed what was sent to it (10): so one that has vanished is noticed.

Exit codes: 0 done, 1 not done, 2 the command line was not understood.

Environment: a variable that begins with VERIFICATION_ and is a setting of no command here stops the program, so that a slip of the pen is found; what
container platforms set for services (VERIFICATION_PORT_..., VERIFICATION_SERVICE_...) is left alone. The private keys of an authority may stand in
VERIFICATION_SIGNING_KEYS_AUTHORITY, as PEM.

Log lines go to standard error; RUST_LOG sets what is logged (for instance debug), the default is info. At no level is there a line for what a phone
does, but for a text message that its provider did not take, nor anything below warnings from the libraries in use.";

/// What variables of its environment are its settings; the private keys of authorities may be there, too.
pub(crate) const VARIABLES: Variables = Variables { prefix: "VERIFICATION", families: &["SIGNING_KEYS_"] };

/// The gateway of this program.
#[derive(Debug)]
pub(crate) struct Gateway;

impl Program for Gateway {
    const KEY_FILE: &'static str = "VERIFICATION_OHTTP_KEY_FILE";
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until SIGTERM or SIGINT; requests that are under way are finished first.
    Serve(Box<Serve>),
    /// Create the database or bring it to the newest version. Every command does so too when it opens a SQLite file.
    Migrate {
        #[command(flatten)]
        database: DatabaseSettings,
    },
    /// The health authorities that issue codes.
    #[command(subcommand)]
    Authority(AuthorityCommand),
    /// The keys that sign an authority's certificates.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The keys to the API.
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Delete what has expired, in short steps, until nothing is left. A running service does so every minute; this may run beside it.
    Purge {
        #[command(flatten)]
        database: DatabaseSettings,
    },
    /// The service's own secrets.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// The keys of the Oblivious HTTP gateway, to which phones seal their requests.
    #[command(subcommand)]
    OhttpKey(KeyCommand<Gateway>),
    /// Issue a code for a person, or one for each row of a file.
    Issue(Box<Issue>),
    /// Say what has become of a code.
    Status(Look),
    /// End a code's life, unless it was claimed; or every code's that nobody has claimed.
    Expire(Expire),
    /// Show an authority's days in numbers: steps of ten, a dash where a number is withheld because it is small or would tell a small one.
    Stats(ShowStats),
}

/// Flags of `verification serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// The address to listen on; port 0 takes any free one, which is printed.
    #[arg(long, value_name = "ADDR", env = "VERIFICATION_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// The file with the keys of an Oblivious HTTP gateway (RFC 9458), mode 600; `verification ohttp-key generate` writes it, and a change counts
    /// at once. With it, relays may POST what phones sealed to /ohttp, and the keys are at /ohttp-keys; without it, neither is there.
    /// Whoever has it can read what was sealed to it.
    #[arg(long, value_name = "FILE", env = "VERIFICATION_OHTTP_KEY_FILE")]
    pub(crate) ohttp_key_file: Option<PathBuf>,
    /// How many codes one request to /api/batch-issue may ask for, 1 to 1000.
    #[arg(long, value_name = "CODES", env = "VERIFICATION_BATCH_LIMIT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) batch_limit: u16,
    /// Write nothing: refuse every request that needs an API key with 429 maintenance_mode, until the service is started again without this.
    /// What anybody can ask for is answered.
    #[arg(long, env = "VERIFICATION_MAINTENANCE")]
    pub(crate) maintenance: bool,
    #[command(flatten)]
    pub(crate) withholding: WithholdingFlags,
    #[command(flatten)]
    pub(crate) budgets: Budgets,
    #[command(flatten)]
    pub(crate) edge: EdgeSettings,
    #[command(flatten)]
    pub(crate) limits: LimitSettings,
    /// Answers to phones leave a whole number of ticks of so many milliseconds after their requests arrived, 0 to 10000, so that nobody who watches the
    /// network learns from the time whether a code was good. Longer than nearly all of them take: see tick_overruns among the metrics. 0 sends
    /// them at once, for benchmarks.
    #[arg(long, value_name = "MS", env = "VERIFICATION_TICK_MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub(crate) tick_ms: u64,
    /// For how many chaff requests a second to do what a real one costs; what comes beyond is answered alike without work. Ten million phones that send
    /// chaff once in five days are about 46 a second here, more in the evening.
    #[arg(long, value_name = "REQUESTS", env = "VERIFICATION_CHAFF_PER_SECOND", default_value_t = service::CHAFF_PER_SECOND)]
    pub(crate) chaff_per_second: u32,
    #[command(flatten)]
    pub(crate) deployment: TestDeploymentSettings,
    /// Also serve GET /metrics, in the format of Prometheus, at this address; port 0 takes any free one. Keep it away from phones. What phones do is
    /// published in steps of five minutes; docs/metrics.md explains every number.
    #[arg(long, value_name = "ADDR", env = "VERIFICATION_METRICS_LISTEN")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// How log lines are written: text or json. Default: text on a terminal, json elsewhere.
    #[arg(long, value_name = "FORMAT", env = "VERIFICATION_LOG_FORMAT", hide_possible_values = true)]
    pub(crate) log_format: Option<LogFormat>,
    /// After SIGTERM or SIGINT, go on listening for so many seconds, 0 to 600, while GET /readyz says 503, so that whoever sends requests here can
    /// stop. Then the listener closes and what is under way is answered, for 45 seconds at most. A second signal ends the wait.
    #[arg(long, value_name = "SECONDS", env = "VERIFICATION_DRAIN_SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) drain_seconds: u64,
}
