//! Which engine keeps the two databases of a system.

use std::path::{Path, PathBuf};

use cluster::Database;
use store::DatabaseUrl;

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Two files.
    Sqlite,
    /// Two databases of a server, where each program logs in with the rights that it needs and no others.
    Postgres,
}

/// The verification database and the key database of one system.
pub struct Databases {
    /// Codes, tokens, authorities that issue.
    pub verification: Place,
    /// Keys, reports, bundles.
    pub keys: Place,
}

/// Where a database is. One of a server is dropped with this value; a file stays where it is.
pub enum Place {
    /// A file.
    File(PathBuf),
    /// A database of the server of this test run.
    Server(Database),
}

impl Databases {
    /// New databases: files in `directory`, or migrated databases of a server.
    ///
    /// # Errors
    /// If there is no server.
    pub async fn new(engine: Engine, directory: &Path) -> anyhow::Result<Self> {
        match engine {
            Engine::Sqlite => Ok(Self {
                verification: Place::File(directory.join("verification.db")),
                keys: Place::File(directory.join("keys.db")),
            }),
            Engine::Postgres => {
                let migrate_codes = async |url: &str| {
                    store::migrate_code_store(&parse(url)).await.expect("the migrations run");
                };
                let migrate_keys = async |url: &str| {
                    store::migrate_key_store(&parse(url)).await.expect("the migrations run");
                };
                Ok(Self {
                    verification: Place::Server(Database::from_template("verification", migrate_codes).await?),
                    keys: Place::Server(Database::from_template("keys", migrate_keys).await?),
                })
            }
        }
    }
}

impl Place {
    /// The URL for its owner, who migrates and administrates.
    pub fn of_owner(&self) -> DatabaseUrl {
        match self {
            Self::File(path) => DatabaseUrl::Sqlite(path.clone()),
            Self::Server(database) => parse(&database.url()),
        }
    }

    /// The URL for a program that has this role. Files know no roles.
    pub fn of_role(&self, role: &str) -> DatabaseUrl {
        parse(&self.text_of_role(role))
    }

    /// The same as it stands on a command line.
    pub fn text_of_role(&self, role: &str) -> String {
        match self {
            Self::File(path) => format!("sqlite:{}", path.display()),
            Self::Server(database) => {
                let url = database.url();
                let separator = if url.contains('?') { '&' } else { '?' };
                format!("{url}{separator}options=-c%20role%3D{role}")
            }
        }
    }
}

fn parse(url: &str) -> DatabaseUrl {
    url.parse().expect("the server of the tests has a URL")
}
