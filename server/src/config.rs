//! Settings: flags, environment, defaults.

use std::path::PathBuf;

use clap::Args;

use crate::error::ServerError;

/// What the server needs to know.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The key database, which the exporter reads too: sqlite:PATH. The file is created if it does not exist.
    #[arg(long, value_name = "URL", env = "SERVER_DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
}

impl Settings {
    /// The database file that `database_url` names.
    ///
    /// # Errors
    /// [`ServerError::DatabaseUrl`] unless it is `sqlite:PATH`.
    pub(crate) fn database_file(&self) -> Result<PathBuf, ServerError> {
        // `sqlite:///abs/path` is how other tools spell an absolute path.
        let rest = self.database_url.strip_prefix("sqlite:").ok_or(ServerError::DatabaseUrl)?;
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.is_empty() { Err(ServerError::DatabaseUrl) } else { Ok(PathBuf::from(path)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str) -> Option<PathBuf> {
        Settings { database_url: url.to_owned() }.database_file().ok()
    }

    #[test]
    fn a_database_url_names_a_file() {
        assert_eq!(file("sqlite:keys.db"), Some(PathBuf::from("keys.db")));
        assert_eq!(file("sqlite:/var/lib/keys.db"), Some(PathBuf::from("/var/lib/keys.db")));
        assert_eq!(file("sqlite:///var/lib/keys.db"), Some(PathBuf::from("/var/lib/keys.db")));
    }

    #[test]
    fn any_other_url_is_refused() {
        for url in ["", "keys.db", "sqlite:", "sqlite://", "postgres://localhost/keys"] {
            assert_eq!(file(url), None, "{url}");
        }
    }
}
