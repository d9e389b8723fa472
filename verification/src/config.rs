//! Settings: flags, environment, defaults.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::VerificationError;
use crate::secrets::Secrets;

/// Where codes and authorities are kept.
#[derive(Debug, Clone, Args)]
pub struct DatabaseSettings {
    /// The verification database: sqlite:PATH. The file is created if it does not exist.
    #[arg(long, value_name = "URL", env = "VERIFICATION_DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
}

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
    /// The directory with the authorities' certificate signing keys, mode 600 each; `verification keys generate` writes there.
    #[arg(long, value_name = "DIR", env = "VERIFICATION_SIGNING_KEY_DIR")]
    pub signing_key_dir: PathBuf,
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

impl DatabaseSettings {
    /// The database file that `database_url` names.
    pub(crate) fn database_file(&self) -> Result<PathBuf, VerificationError> {
        // `sqlite:///abs/path` is how other tools spell an absolute path.
        let rest = self.database_url.strip_prefix("sqlite:").ok_or(VerificationError::DatabaseUrl)?;
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.is_empty() { Err(VerificationError::DatabaseUrl) } else { Ok(PathBuf::from(path)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str) -> Option<PathBuf> {
        DatabaseSettings { database_url: url.to_owned() }.database_file().ok()
    }

    #[test]
    fn a_database_url_names_a_file() {
        assert_eq!(file("sqlite:codes.db"), Some(PathBuf::from("codes.db")));
        assert_eq!(file("sqlite:/var/lib/codes.db"), Some(PathBuf::from("/var/lib/codes.db")));
        assert_eq!(file("sqlite:///var/lib/codes.db"), Some(PathBuf::from("/var/lib/codes.db")));
    }

    #[test]
    fn any_other_url_is_refused() {
        for url in ["", "codes.db", "sqlite:", "sqlite://", "postgres://localhost/codes"] {
            assert_eq!(file(url), None, "{url}");
        }
    }
}
