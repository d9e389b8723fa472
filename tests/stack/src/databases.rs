//! The two databases, and who logs in to them as whom.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cluster::Cluster;

use crate::options::{Engine, Options};

/// Makes the roles, as README tells an operator.
const ROLES: &str = include_str!("../../../server/store/migrations/postgres/roles.sql");
/// What README has an operator do after it. Through a socket that only this user can open nobody needs a password.
const DATABASES: &str = "
ALTER ROLE pratique_verification_owner LOGIN;
ALTER ROLE pratique_keys_owner LOGIN;
CREATE ROLE verification_one LOGIN IN ROLE pratique_verification;
CREATE ROLE server_one LOGIN IN ROLE pratique_server;
CREATE ROLE exporter_one LOGIN IN ROLE pratique_exporter;
CREATE DATABASE codes OWNER pratique_verification_owner;
CREATE DATABASE keys OWNER pratique_keys_owner;
REVOKE CONNECT ON DATABASE codes, keys FROM PUBLIC;
GRANT CONNECT ON DATABASE codes TO pratique_verification;
GRANT CONNECT ON DATABASE keys TO pratique_server, pratique_exporter;
";

/// The databases of a deployment.
#[derive(Debug)]
pub(crate) enum Databases {
    /// Two files in this directory.
    Sqlite(PathBuf),
    /// Two databases of a server.
    Postgres(Servers),
}

/// PostgreSQL servers that end with this process.
#[derive(Debug)]
pub struct Servers {
    /// What everybody writes to.
    pub primary: Cluster,
    /// What exporters read from, if there is one.
    pub standby: Option<Cluster>,
}

/// Who logs in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Login {
    VerificationOwner,
    Verification,
    KeysOwner,
    Server,
    Exporter,
}

impl Login {
    const fn database(self) -> &'static str {
        match self {
            Self::VerificationOwner | Self::Verification => "codes",
            Self::KeysOwner | Self::Server | Self::Exporter => "keys",
        }
    }

    const fn role(self) -> &'static str {
        match self {
            Self::VerificationOwner => "pratique_verification_owner",
            Self::Verification => "verification_one",
            Self::KeysOwner => "pratique_keys_owner",
            Self::Server => "server_one",
            Self::Exporter => "exporter_one",
        }
    }
}

impl Databases {
    /// Files go into this directory.
    pub(crate) fn start(options: &Options, directory: &Path) -> anyhow::Result<Self> {
        match options.engine {
            Engine::Sqlite => Ok(Self::Sqlite(directory.to_owned())),
            Engine::Postgres => Ok(Self::Postgres(Servers::start(options)?)),
        }
    }

    /// The URL of the database that this one uses.
    pub(crate) fn url(&self, login: Login) -> String {
        match self {
            Self::Sqlite(directory) => format!("sqlite:{}/{}.db", directory.display(), login.database()),
            Self::Postgres(servers) => url(&servers.primary, login),
        }
    }

    /// The URL of the standby for an exporter, if there is one.
    pub(crate) fn read_url(&self) -> Option<String> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(servers) => servers.standby.as_ref().map(|standby| url(standby, Login::Exporter)),
        }
    }
}

impl Servers {
    fn start(options: &Options) -> anyhow::Result<Self> {
        let mut settings = Vec::new();
        if !options.durable {
            // What is committed is written, and may be read after a crash of the server; only the machine must not fail.
            settings.extend([("synchronous_commit", "on"), ("full_page_writes", "on")]);
        }
        // Who asks what is counted, where somebody wants to know.
        settings
            .extend([("shared_preload_libraries", "pg_stat_statements"), ("pg_stat_statements.track_utility", "off")]);
        settings.extend([("max_standby_streaming_delay", "10s"), ("autovacuum", "on")]);
        let mut settings: Vec<(String, String)> =
            settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        settings.extend(options.postgres_settings.iter().cloned());
        let options_of_it = cluster::Options { durable: options.durable, settings, ..cluster::Options::default() };
        let primary = Cluster::start(&options_of_it)?;
        primary.psql("postgres", ROLES)?;
        primary.psql("postgres", DATABASES)?;
        primary
            .psql("postgres", "CREATE EXTENSION pg_stat_statements")
            .context("apt-get install postgresql-contrib")?;
        let standby = options.standby.then(|| primary.standby(&options_of_it)).transpose()?;
        Ok(Self { primary, standby })
    }
}

fn url(cluster: &Cluster, login: Login) -> String {
    let url = cluster.url(login.database());
    let url = url.replace("user=postgres", &format!("user={}", login.role()));
    format!("{url}&connections=8&connect_timeout=60")
}
