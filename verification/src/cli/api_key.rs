//! `verification api-key`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;
use store::ApiKeyKind;
use verification::{DatabaseSettings, admin};

use super::session::{no_authority, open, say};
use super::table::{moment, moment_or_dash, table};

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Draw an API key and print it. It is not kept anywhere: whoever loses it needs another.
    Create(CreateApiKey),
    /// List the API keys of an authority by their ids; the keys themselves are not kept.
    List {
        #[command(flatten)]
        database: DatabaseSettings,
        /// The authority.
        #[arg(long)]
        authority: String,
    },
    /// Refuse an API key from now on.
    Revoke(RevokeApiKey),
}

/// Flags of `verification api-key create`.
#[derive(Debug, Args)]
pub(crate) struct CreateApiKey {
    #[command(flatten)]
    database: DatabaseSettings,
    /// The authority that may use it.
    #[arg(long)]
    authority: String,
    /// What for: device (apps: verify, certificate), admin (staff: issue) or stats (counters).
    #[arg(long)]
    kind: ApiKeyKind,
}

/// Flags of `verification api-key revoke`.
#[derive(Debug, Args)]
pub(crate) struct RevokeApiKey {
    #[command(flatten)]
    database: DatabaseSettings,
    /// The authority that may use it.
    #[arg(long)]
    authority: String,
    /// Its id, as `api-key list` shows it, or as many of its first digits as tell it apart.
    #[arg(long, required_unless_present = "key_file", conflicts_with = "key_file")]
    id: Option<String>,
    /// A file with the key itself, if that is all you have; - reads it from standard input.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Runs one of them.
pub(crate) async fn run(command: ApiKeyCommand, json: bool) -> anyhow::Result<()> {
    match command {
        ApiKeyCommand::Create(flags) => create(flags, json).await,
        ApiKeyCommand::List { database, authority } => list(&database, &authority, json).await,
        ApiKeyCommand::Revoke(flags) => revoke(flags, json).await,
    }
}

async fn create(flags: CreateApiKey, json: bool) -> anyhow::Result<()> {
    let CreateApiKey { database, authority, kind } = flags;
    let registry = open(&database).await?;
    let key = admin::create_api_key(&registry, &authority, kind).await.with_context(|| no_authority(&authority))?;
    let value = json!({ "authority": authority, "kind": kind.as_str(), "id": key.id(), "api_key": key.as_str() });
    // The key stands alone on stdout, so that a shell can take it.
    eprintln!("To be sent as X-API-Key. It is shown this once; its id is {}.", key.id());
    say(json, value, key.as_str())
}

async fn list(database: &DatabaseSettings, authority: &str, json: bool) -> anyhow::Result<()> {
    let keys = admin::api_keys(&open(database).await?, authority).await.with_context(|| no_authority(authority))?;
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            let (created, revoked) = (moment(key.created_at), moment_or_dash(key.revoked_at));
            [admin::api_key_id(&key.digest), key.kind.to_string(), created, revoked]
        })
        .collect();
    let values = keys.iter().map(|key| {
        json!({
            "id": admin::api_key_id(&key.digest),
            "kind": key.kind.as_str(),
            "created_at": moment(key.created_at),
            "revoked_at": key.revoked_at.map(moment),
        })
    });
    let text = if rows.is_empty() {
        format!("{authority} has no API keys; see verification api-key create --help.")
    } else {
        table(["ID", "KIND", "CREATED", "REVOKED"], &rows)
    };
    say(json, values.collect(), &text)
}

async fn revoke(flags: RevokeApiKey, json: bool) -> anyhow::Result<()> {
    let RevokeApiKey { database, authority, id, key_file } = flags;
    let registry = open(&database).await?;
    let id = match key_file {
        Some(path) => admin::id_of_api_key(&read(&path)?),
        None => id.unwrap_or_default(),
    };
    let id = admin::revoke_api_key(&registry, &authority, &id).await.with_context(|| {
        format!("no API key was revoked; verification api-key list --authority {authority} shows which there are")
    })?;
    let text = format!("API key {id} of {authority} is refused from now on.");
    say(json, json!({ "authority": authority, "id": id, "revoked": true }), &text)
}

/// The text of a file, or of standard input.
fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read the key from standard input")?;
    } else {
        text = fs::read_to_string(path).with_context(|| format!("cannot read the key from {}", path.display()))?;
    }
    Ok(text)
}
