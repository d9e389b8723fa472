//! `verification secret`: create, rotate.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;
use verification::{DatabaseSettings, Settings, admin};

use super::session::{open, say};

/// What to do with the secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Draw the service's secret and write it into a new file, mode 600. An existing file is never overwritten.
    Create {
        /// The file to write.
        #[arg(long, value_name = "FILE", env = "VERIFICATION_SECRET_FILE")]
        secret_file: PathBuf,
    },
    /// Draw a secret that codes and tokens are written under from now on. Older ones stay in the file for what they have written; those
    /// that nothing in the database needs any more are dropped, so rotate again after three days to be rid of one.
    ///
    /// A service that runs over the same file notices at once. Where services have copies of it, first add the new secret as the last line
    /// of every copy, and then make it the first line of every copy: a service that lacks it does not know the codes under it.
    Rotate {
        #[command(flatten)]
        database: DatabaseSettings,
        /// The file with the secrets.
        #[arg(long, value_name = "FILE", env = "VERIFICATION_SECRET_FILE")]
        secret_file: PathBuf,
    },
}

/// Runs one of them.
pub(crate) async fn run(command: SecretCommand, json: bool) -> anyhow::Result<()> {
    match command {
        SecretCommand::Create { secret_file } => create(&secret_file, json),
        SecretCommand::Rotate { database, secret_file } => rotate(&database, &secret_file, json).await,
    }
}

fn create(path: &Path, json: bool) -> anyhow::Result<()> {
    Settings::create_secret(path).context("no secret was written")?;
    let text = format!("The secret is in {}. Keep a copy where only you can read it.", path.display());
    say(json, json!({ "secret_file": path }), &text)
}

async fn rotate(database: &DatabaseSettings, path: &Path, json: bool) -> anyhow::Result<()> {
    let live = admin::rotate_secret(&open(database).await?, path).await.context(
        "the secret was not rotated; if a file lies beside it whose name ends in .new, another rotation is under way, or was interrupted and left \
         what may be deleted",
    )?;
    let text = format!("{} has a new secret; {live} are live. Keep a copy where only you can read it.", path.display());
    say(json, json!({ "secret_file": path, "live": live }), &text)
}
