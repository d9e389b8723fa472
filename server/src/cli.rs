//! The command line.

pub(crate) mod audit;
pub(crate) mod authority;
mod authority_text;
pub(crate) mod deny_key;
pub(crate) mod feed;
mod moment;
pub(crate) mod revision_key;
pub(crate) mod stats;
pub(crate) mod withdraw;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use feed::FeedCommand;
use revision_key::RevisionKeyCommand;
use server::{DEFAULT_STATS_AUDIENCE, SelfReportSettings, Settings};
use service::ohttp::{KeyCommand, Program};
use service::{EdgeSettings, LimitSettings, LogFormat, TestDeploymentSettings, Variables};
use stats::ShowStats;

/// The key server of Pratique: takes keys and reports from phones and keeps what a health authority vouches for.
///
/// Phones POST to /v1/publish (GAEN keys) and /v1/reports (TCN reports). Each upload carries a certificate; it is believed if it
/// was signed by an authority that was added here. What is stored waits for `exporter`, which reads the same database. No
/// route gives keys back.
///
/// Apps that know nothing of certificates POST one TCN report to /tcnreport/0.4.0 (CoEpi) or /submitReport (Covid Watch), as they are or with
/// /self/ID before it. An authority may take these too: `authority add --self-reports`. They are published in feeds of their own, REGION/tcn-self.
#[derive(Debug, Parser)]
#[command(name = "server", version, after_long_help = FIRST_STEPS)]
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
  export SERVER_DATABASE_URL=sqlite:keys.db
  server authority add --id example --public-key example.pem --region XX
  server serve --listen 127.0.0.1:8081 &
  curl http://127.0.0.1:8081/health

The URL of a PostgreSQL database takes the parameters of libpq, and connections=N (at most that many at a time; 16 unless set),
statement_timeout=SECONDS (how long a statement may take; 60), sslmode, sslrootcert, and password_file=FILE in place of a password;
connect_timeout=SECONDS is also how long a request waits for a connection that is free (5), and tcp_user_timeout=SECONDS how long
a machine may leave unconfirmed what was sent to it (10): so one that has vanished is noticed.

Exit codes: 0 done, 1 not done, 2 the command line was not understood.

Environment: a variable that begins with SERVER_ and is a setting of no command here stops the program, so that a slip of the pen is found; what
container platforms set for services (SERVER_PORT_..., SERVER_SERVICE_...) is left alone.

Log lines go to standard error; RUST_LOG sets what is logged (for instance debug), the default is info. At no level is there a line for what a phone
does, nor anything below warnings from the libraries in use.";

/// What variables of its environment are its settings.
pub(crate) const VARIABLES: Variables = Variables { prefix: "SERVER", families: &[] };

/// The gateway of this program.
#[derive(Debug)]
pub(crate) struct Gateway;

impl Program for Gateway {
    const KEY_FILE: &'static str = "SERVER_OHTTP_KEY_FILE";
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve phones until SIGTERM or SIGINT; requests that are under way are finished first.
    Serve(Serve),
    /// Create the tables or bring them to the newest version. `serve` and `authority` do so too when they open a SQLite file; on PostgreSQL
    /// the database's owner runs this, and also `authority`, `withdraw` and `audit`.
    Migrate {
        #[command(flatten)]
        settings: Settings,
    },
    /// Say whose certificates are believed, and where keys go.
    #[command(subcommand)]
    Authority(authority::AuthorityCommand),
    /// Believe nothing under a key of an authority any more, wherever the key comes from: files, the authority's own set, today or later. All
    /// servers on the database know with the next upload. It is never taken back: whoever has the key once has it for ever.
    DenyKey(deny_key::DenyKey),
    /// Take back what was uploaded under a stolen key, or by somebody who should not have been able to: what waits is never published, what is
    /// published is revoked. Without --apply it only says what it would do.
    #[command(after_long_help = withdraw::WITHDRAW)]
    Withdraw(withdraw::Withdraw),
    /// What operators did.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Show what an authority's uploads come to, by day, as POST /v1/stats shows it to the authority itself: of the last 30 days those that ended 48
    /// hours ago and on which at least ten people uploaded, rounded down to tens. --json shows the distributions too.
    Stats(ShowStats),
    /// The keys of the Oblivious HTTP gateway, to which phones seal their uploads.
    #[command(subcommand)]
    OhttpKey(KeyCommand<Gateway>),
    /// Say what feeds take.
    #[command(subcommand)]
    Feed(FeedCommand),
    /// The keys under which revision tokens are sealed: what a phone presents when a diagnosis is confirmed or disproved.
    #[command(subcommand)]
    RevisionKey(RevisionKeyCommand),
}

/// Flags of `server serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) self_reports: SelfReportSettings,
    /// The address to listen on; port 0 takes any free one, which is printed.
    #[arg(long, value_name = "ADDR", env = "SERVER_LISTEN", default_value = "127.0.0.1:8081")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) edge: EdgeSettings,
    #[command(flatten)]
    pub(crate) limits: LimitSettings,
    /// The file with the keys of an Oblivious HTTP gateway (RFC 9458), mode 600; `server ohttp-key generate` writes it, and a change counts
    /// at once. With it, relays may POST what phones sealed to /ohttp, and the keys are at /ohttp-keys; without it, neither is there.
    /// Whoever has it can read what was sealed to it.
    #[arg(long, value_name = "FILE", env = "SERVER_OHTTP_KEY_FILE")]
    pub(crate) ohttp_key_file: Option<PathBuf>,
    /// The file with the keys under which revision tokens are sealed, mode 600; `server revision-key generate` writes it, and a change counts at once.
    /// Servers that stand side by side need the same one. Without it a key is drawn at each start, and nobody can revise what they uploaded
    /// before. Whoever has it can revise other people's uploads, if they have certificates.
    #[arg(long, value_name = "FILE", env = "SERVER_REVISION_KEY_FILE")]
    pub(crate) revision_key_file: Option<PathBuf>,
    /// Answers to phones leave a whole number of ticks of so many milliseconds after their requests arrived, 0 to 10000, so that nobody who watches the
    /// network learns from the time whether an upload was stored. Longer than nearly all of them take: see tick_overruns among the metrics. 0 sends
    /// them at once, for benchmarks.
    #[arg(long, value_name = "MS", env = "SERVER_TICK_MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub(crate) tick_ms: u64,
    /// For how many chaff requests a second to do what a real one costs; what comes beyond is answered alike without work. Ten million phones that send
    /// chaff once in five days are about 23 a second here, more in the evening.
    #[arg(long, value_name = "REQUESTS", env = "SERVER_CHAFF_PER_SECOND", default_value_t = service::CHAFF_PER_SECOND)]
    pub(crate) chaff_per_second: u32,
    /// How often the keys that authorities publish are fetched, in minutes, 1 to 1440, give or take a tenth. Of several servers on a database one
    /// does it. A key that is not known brings it about earlier, once a minute at most.
    #[arg(long, value_name = "MINUTES", env = "SERVER_JWKS_MINUTES", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    pub(crate) jwks_minutes: u64,
    /// `aud` of the tokens with which authorities ask for their numbers at /v1/stats, signed with the keys of their certificates. Verification servers
    /// in the field write `keyserver` unless they are told otherwise.
    #[arg(long, value_name = "AUD", env = "SERVER_STATS_AUDIENCE", default_value = DEFAULT_STATS_AUDIENCE, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) stats_audience: String,
    #[command(flatten)]
    pub(crate) deployment: TestDeploymentSettings,
    /// Also serve GET /metrics, in the format of Prometheus, at this address; port 0 takes any free one. Keep it away from phones. What phones do is
    /// published in steps of five minutes; docs/metrics.md explains every number.
    #[arg(long, value_name = "ADDR", env = "SERVER_METRICS_LISTEN")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// How log lines are written: text or json. Default: text on a terminal, json elsewhere.
    #[arg(long, value_name = "FORMAT", env = "SERVER_LOG_FORMAT", hide_possible_values = true)]
    pub(crate) log_format: Option<LogFormat>,
    /// After SIGTERM or SIGINT, go on listening for so many seconds, 0 to 600, while GET /readyz says 503, so that whoever sends requests here can
    /// stop. Then the listener closes and what is under way is answered, for 45 seconds at most. A second signal ends the wait.
    #[arg(long, value_name = "SECONDS", env = "SERVER_DRAIN_SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) drain_seconds: u64,
}
