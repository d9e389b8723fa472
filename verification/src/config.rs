//! Settings: flags, environment, defaults.

use std::path::{Path, PathBuf};

use clap::Args;
use store::DatabaseUrl;

use crate::error::VerificationError;
use crate::secrets::Secrets;

/// Where codes and authorities are kept.
#[derive(Debug, Clone, Args)]
pub struct DatabaseSettings {
    /// The verification database: sqlite:PATH, a file that is created if it does not exist, or postgres://USER:PASSWORD@HOST/DATABASE,
    /// which `verification migrate` prepares. A connection over a network needs TLS unless the URL ends with ?sslmode=disable;
    /// ?sslrootcert=FILE names the authority that signed the database's certificate.
    #[arg(long, value_name = "URL", env = "VERIFICATION_DATABASE_URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,
}

/// Where signing keys are unless somebody says otherwise.
pub const SIGNING_KEY_DIR: &str = "signing-keys";

/// What the service needs to know.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where codes and authorities are kept.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// The file with the service's secrets, mode 600: one a line, 32 bytes in hexadecimal or base64 each, the current one first;
    /// `verification secret create` writes it, `verification secret rotate` adds to it. A change counts at once.
    /// Whoever has it and the database can read codes that wait; without it, codes and tokens that are out no longer work.
    #[arg(long, value_name = "FILE", env = "VERIFICATION_SECRET_FILE")]
    pub secret_file: PathBuf,
    /// The directory with the authorities' certificate signing keys, mode 600 each; `verification keys generate` writes there. It need not exist
    /// if they are in the environment. `serve` does not start while the key under which an authority signs is in neither.
    #[arg(long, value_name = "DIR", env = "VERIFICATION_SIGNING_KEY_DIR", default_value = SIGNING_KEY_DIR)]
    pub signing_key_dir: PathBuf,
    /// The directory with the authorities' settings for text messages, a file AUTHORITY.toml of mode 600 each. A change counts at once.
    /// Without it, or for authorities without a file, codes are not sent to phones. `serve` does not start with a file that it cannot use; one that is
    /// broken later leaves what was in use.
    #[arg(long, value_name = "DIR", env = "VERIFICATION_DELIVERY_DIR")]
    pub delivery_dir: Option<PathBuf>,
}

impl Settings {
    /// Draws a secret and writes it into a new file that only its owner may read.
    ///
    /// # Errors
    /// [`VerificationError::Content`] if the file exists: it is never overwritten; [`VerificationError::File`] if it cannot be written.
    pub fn create_secret(path: &Path) -> Result<(), VerificationError> {
        Secrets::create(path, &mut store::chance::source())
    }
}
