//! The program `server`: parse, dispatch, say what happened.

mod cli;

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::Parser;
use cli::{Add, AuthorityCommand, Cli, Command, Serve};
use proto::certificate::CertificateKey;
use serde_json::{Value, json};
use server::admin::{self, AuthoritySpec};
use server::{Settings, State};
use service::say;
use store::{Authority, Clock};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let Cli { json, command } = Cli::parse();
    service::log_to_stderr("info,actix_server=warn");
    match command {
        Command::Serve(flags) => serve(flags, json).await,
        Command::Migrate { settings } => {
            store::migrate_key_store(&settings.database_url)
                .await
                .context("cannot migrate the key database; check --database-url or SERVER_DATABASE_URL")?;
            say(json, &json!({ "migrated": true }), "The database is at the newest version.")?;
            Ok(())
        }
        Command::Authority(AuthorityCommand::Add(flags)) => add(flags, json).await,
        Command::Authority(AuthorityCommand::List { settings }) => list(&settings, json).await,
    }
}

/// Opens the database with the system's clock.
async fn open(settings: &Settings) -> anyhow::Result<State> {
    State::open(settings, Clock::system())
        .await
        .context("cannot open the key database; check --database-url or SERVER_DATABASE_URL")
}

/// Serves until a signal comes and the requests that are under way then are answered.
async fn serve(flags: Serve, json: bool) -> anyhow::Result<()> {
    let state = open(&flags.settings).await?;
    if admin::authorities(&state).await?.is_empty() {
        tracing::warn!("no authority is known, so every upload will be refused; see `server authority add --help`");
    }
    let (listener, url) = service::bind(flags.listen, "--listen")?;
    let server = server::listen(listener, state)?;
    service::stop_on_signal(server.handle())?;
    say(json, &json!({ "listening": url }), &format!("Listening on {url}"))?;
    server.await?;
    Ok(())
}

/// Believes an authority from now on; a server that runs on the same database needs no restart.
async fn add(flags: Add, json: bool) -> anyhow::Result<()> {
    let keys = flags.public_key.iter().map(|path| read_public_key(path)).collect::<Result<_, _>>()?;
    let state = open(&flags.settings).await?;
    let Add { id, issuer, audience, region: regions, .. } = flags;
    let spec = AuthoritySpec { id, issuer, audience: Some(audience), regions, keys };
    let authority = admin::register_authority(&state, spec).await.context("the authority was not added")?;
    let text = format!("Certificates of this authority are believed:\n{}", to_text(&authority));
    Ok(say(json, &to_json(&authority), &text)?)
}

/// A private key in the file is refused like anything else that is no public key, and never repeated.
fn read_public_key(path: &Path) -> anyhow::Result<CertificateKey> {
    let pem = fs::read_to_string(path).with_context(|| format!("cannot read the public key {}", path.display()))?;
    CertificateKey::from_pem(&pem).with_context(|| {
        let path = path.display();
        format!("{path} holds no public key: give a PEM file that begins with BEGIN PUBLIC KEY, Ed25519 or P-256")
    })
}

async fn list(settings: &Settings, json: bool) -> anyhow::Result<()> {
    let authorities = admin::authorities(&open(settings).await?).await?;
    let text = if authorities.is_empty() {
        "No certificates are believed yet; see server authority add --help.".to_owned()
    } else {
        authorities.iter().map(to_text).collect::<Vec<_>>().join("\n")
    };
    Ok(say(json, &Value::Array(authorities.iter().map(to_json).collect()), &text)?)
}

/// Public halves stay in the database: their ids are what operators compare.
fn to_json(authority: &Authority) -> Value {
    let regions: Vec<_> = authority.regions.iter().map(proto::Region::as_str).collect();
    let keys: Vec<_> =
        authority.keys.iter().map(|key| json!({ "kid": key.kid, "algorithm": key.key.algorithm() })).collect();
    json!({
        "id": authority.id,
        "issuer": authority.issuer,
        "audience": authority.audience,
        "regions": regions,
        "policy_version": authority.policy_version,
        "keys": keys,
    })
}

fn to_text(authority: &Authority) -> String {
    let regions: Vec<_> = authority.regions.iter().map(proto::Region::as_str).collect();
    let mut text = format!("{}  regions {}", authority.id, regions.join(", "));
    text += &format!("\n  issuer {}, audience {}", authority.issuer, authority.audience);
    for key in &authority.keys {
        text += &format!("\n  key {} ({})", key.kid, key.key.algorithm());
    }
    text
}
