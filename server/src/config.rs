//! Settings: flags, environment, defaults.

use clap::Args;
use store::DatabaseUrl;

/// What the server needs to know.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The key database, which the exporter reads too: sqlite:PATH, a file that is created if it does not exist, or
    /// postgres://USER:PASSWORD@HOST/DATABASE, which `server migrate` prepares. A connection over a network needs TLS unless the URL
    /// ends with ?sslmode=disable; ?sslrootcert=FILE names the authority that signed the database's certificate.
    #[arg(long, value_name = "URL", env = "SERVER_DATABASE_URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,
}
