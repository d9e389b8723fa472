//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use proto::Region;
use server::Settings;

/// The key server of Pratique: takes keys and reports from phones and keeps what a health authority vouches for.
///
/// Phones POST to /v1/publish (GAEN keys) and /v1/reports (TCN reports). Each upload carries a certificate; it is believed if it
/// was signed by an authority that was added here. What is stored waits for `exporter`, which reads the same database. No
/// route gives keys back.
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
statement_timeout=SECONDS (how long a statement may take; 60), sslmode and sslrootcert; connect_timeout=SECONDS is also how long a request waits
for a connection that is free (5).

Exit codes: 0 done, 1 not done, 2 the command line was not understood.

Log lines go to standard error; RUST_LOG sets what is logged (for instance debug), the default is info.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve phones until SIGTERM or SIGINT; requests that are under way are finished first.
    Serve(Serve),
    /// Create the tables or bring them to the newest version. `serve` and `authority` do so too when they open a SQLite file; on PostgreSQL
    /// the database's owner runs this, and also `authority`.
    Migrate {
        #[command(flatten)]
        settings: Settings,
    },
    /// Say whose certificates are believed, and where keys go.
    #[command(subcommand)]
    Authority(AuthorityCommand),
}

/// Flags of `server serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// The address to listen on; port 0 takes any free one, which is printed.
    #[arg(long, value_name = "ADDR", env = "SERVER_LISTEN", default_value = "127.0.0.1:8081")]
    pub(crate) listen: SocketAddr,
}

/// What to do with authorities.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityCommand {
    /// Believe an authority. Adding the same id again replaces what was said before; uploads that are stored already stay where they are.
    Add(Add),
    /// List the authorities that are believed, with the ids of their keys.
    List {
        #[command(flatten)]
        settings: Settings,
    },
}

/// Flags of `server authority add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// What phones send as healthAuthorityID: 1 to 64 characters of a to z, 0 to 9, '.', '_' and '-'; case does not matter.
    #[arg(long)]
    pub(crate) id: String,
    /// A file with a public key that signs the authority's certificates: PEM, Ed25519 or P-256. Give all that are in use, so
    /// that a key can be changed without a gap.
    #[arg(long, value_name = "PEM", required = true, num_args = 1..)]
    pub(crate) public_key: Vec<PathBuf>,
    /// Where the authority's keys are published: 1 to 8 characters of A to Z, 0 to 9 and '-', usually an ISO 3166 code.
    #[arg(long, value_name = "REGION", required = true, num_args = 1..)]
    pub(crate) region: Vec<Region>,
    /// `iss` of its certificates, if that is not its id.
    #[arg(long)]
    pub(crate) issuer: Option<String>,
    /// `aud` of its certificates.
    #[arg(long, default_value = server::admin::DEFAULT_AUDIENCE)]
    pub(crate) audience: String,
}
