//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use store::ApiKeyKind;
use verification::{DatabaseSettings, Settings};

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

Log lines go to standard error; RUST_LOG sets what is logged (for instance debug), the default is info.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until SIGTERM or SIGINT; requests that are under way are finished first.
    Serve(Serve),
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
    /// The service's own secret.
    #[command(subcommand)]
    Secret(SecretCommand),
}

/// Flags of `verification serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// The address to listen on; port 0 takes any free one, which is printed.
    #[arg(long, value_name = "ADDR", env = "VERIFICATION_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
}

/// What to do with authorities.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityCommand {
    /// Register an authority. The same again changes nothing.
    Create(CreateAuthority),
    /// List the authorities.
    List {
        #[command(flatten)]
        database: DatabaseSettings,
    },
}

/// Flags of `verification authority create`.
#[derive(Debug, Args)]
pub(crate) struct CreateAuthority {
    #[command(flatten)]
    pub(crate) database: DatabaseSettings,
    /// Its id, which phones send as healthAuthorityID: 1 to 64 characters of a to z, 0 to 9, '.', '_' and '-'.
    #[arg(long)]
    pub(crate) id: String,
    /// `iss` of its certificates, if that is not its id.
    #[arg(long)]
    pub(crate) issuer: Option<String>,
    /// `aud` of its certificates; the key server expects the same.
    #[arg(long, default_value = verification::admin::DEFAULT_AUDIENCE)]
    pub(crate) audience: String,
    /// Issue no code without the date of onset or test.
    #[arg(long)]
    pub(crate) require_date: bool,
}

/// What to do with signing keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Draw an Ed25519 key that signs from now on. Its private half stays in the signing key directory; its public half is for the
    /// key server.
    Generate(GenerateKey),
}

/// Flags of `verification keys generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateKey {
    #[command(flatten)]
    pub(crate) database: DatabaseSettings,
    /// The directory for its private half, a file of mode 600; the service reads it from there.
    #[arg(long, value_name = "DIR", env = "VERIFICATION_SIGNING_KEY_DIR")]
    pub(crate) signing_key_dir: PathBuf,
    /// The authority whose certificates it signs.
    #[arg(long)]
    pub(crate) authority: String,
    /// Write the public key into this file too, as PEM for `server authority add --public-key`.
    #[arg(long, value_name = "PEM")]
    pub(crate) public_key: Option<PathBuf>,
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Draw an API key and print it. It is not kept anywhere: whoever loses it needs another.
    Create(CreateApiKey),
}

/// Flags of `verification api-key create`.
#[derive(Debug, Args)]
pub(crate) struct CreateApiKey {
    #[command(flatten)]
    pub(crate) database: DatabaseSettings,
    /// The authority that may use it.
    #[arg(long)]
    pub(crate) authority: String,
    /// What for: device (apps: verify, certificate), admin (staff: issue) or stats (counters).
    #[arg(long)]
    pub(crate) kind: ApiKeyKind,
}

/// What to do with the secret.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Draw the service's secret and write it into a new file, mode 600. An existing file is never overwritten.
    Create {
        /// The file to write.
        #[arg(long, value_name = "FILE", env = "VERIFICATION_SECRET_FILE")]
        secret_file: PathBuf,
    },
}
