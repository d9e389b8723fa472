//! What every command does first and last: open the database or the service, say what happened.

use anyhow::Context;
use serde_json::Value;
use store::Clock;
use verification::{DatabaseSettings, Registry, Settings, State};

/// Opens what commands need that neither issue nor serve: no secret, no signing key.
pub(crate) async fn open(database: &DatabaseSettings) -> anyhow::Result<Registry> {
    Registry::open(database, Clock::system())
        .await
        .context("cannot open the verification database; check --database-url or VERIFICATION_DATABASE_URL")
}

/// Opens the service as a whole. A directory that is not there is a slip of the pen: without it no code would be sent, and nobody told.
pub(crate) async fn open_service(settings: &Settings) -> anyhow::Result<State> {
    if let Some(dir) = settings.delivery_dir.as_ref().filter(|dir| !dir.is_dir()) {
        anyhow::bail!("--delivery-dir: {} is not there, or no directory; leave it out to send no codes", dir.display());
    }
    State::open(settings, Clock::system()).await.context(
        "cannot open the verification service; check --database-url and --secret-file, \
         and make a secret with verification secret create if there is none yet",
    )
}

/// One result on stdout: JSON on one line, or words.
pub(crate) fn say(as_json: bool, value: Value, text: &str) -> anyhow::Result<()> {
    Ok(service::say(as_json, &value, text)?)
}

/// What to look at when an authority is not there.
pub(crate) fn no_authority(authority: &str) -> String {
    format!("nothing was done for {authority}; verification authority list shows which authorities there are")
}
