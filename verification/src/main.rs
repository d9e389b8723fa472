//! The program `verification`: parse, dispatch, say what happened.

mod cli;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;

use anyhow::Context;
use clap::Parser;
use cli::{
    ApiKeyCommand, AuthorityCommand, Cli, Command, CreateApiKey, CreateAuthority, GenerateKey, KeysCommand,
    SecretCommand, Serve,
};
use serde_json::{Value, json};
use store::{Clock, Issuer};
use verification::admin::{self, AuthoritySpec};
use verification::{DatabaseSettings, Registry, Settings, State};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let Cli { json, command } = Cli::parse();
    service::log_to_stderr("info,actix_server=warn");
    match command {
        Command::Serve(flags) => serve(flags, json).await,
        Command::Migrate { database } => {
            store::migrate_code_store(&database.database_url).await.context(
                "cannot migrate the verification database; check --database-url or VERIFICATION_DATABASE_URL",
            )?;
            say(json, json!({ "migrated": true }), "The database is at the newest version.")
        }
        Command::Authority(AuthorityCommand::Create(flags)) => create_authority(flags, json).await,
        Command::Authority(AuthorityCommand::List { database }) => list_authorities(&database, json).await,
        Command::Keys(KeysCommand::Generate(flags)) => generate_key(flags, json).await,
        Command::ApiKey(ApiKeyCommand::Create(flags)) => create_api_key(flags, json).await,
        Command::Secret(SecretCommand::Create { secret_file }) => create_secret(&secret_file, json),
    }
}

/// What commands that only register need: no secret, no signing key.
async fn open(database: &DatabaseSettings) -> anyhow::Result<Registry> {
    Registry::open(database, Clock::system())
        .await
        .context("cannot open the verification database; check --database-url or VERIFICATION_DATABASE_URL")
}

async fn open_service(settings: &Settings) -> anyhow::Result<State> {
    State::open(settings, Clock::system()).await.context(
        "cannot open the verification service; check --database-url and --secret-file, \
         and make a secret with verification secret create if there is none yet",
    )
}

async fn serve(flags: Serve, json: bool) -> anyhow::Result<()> {
    let state = open_service(&flags.settings).await?;
    if let Err(error) = admin::check_signing_keys(&state).await {
        tracing::warn!(%error, "no certificates can be signed for an authority until this is mended");
    }
    let listener = TcpListener::bind(flags.listen).with_context(|| {
        format!("cannot listen on {}; choose another address with --listen, port 0 takes any free one", flags.listen)
    })?;
    let address = listener.local_addr()?;
    let server = verification::listen(listener, state)?;
    service::stop_on_signal(server.handle())?;
    let url = format!("http://{address}");
    say(json, json!({ "listening": url }), &format!("Listening on {url}"))?;
    server.await?;
    Ok(())
}

async fn create_authority(flags: CreateAuthority, json: bool) -> anyhow::Result<()> {
    let registry = open(&flags.database).await?;
    let CreateAuthority { id, issuer, audience, require_date, .. } = flags;
    let spec = AuthoritySpec { id, issuer, audience: Some(audience), date_required: require_date };
    let authority = admin::create_authority(&registry, spec).await.context("the authority was not created")?;
    let next = format!("Next: verification keys generate --authority {}", authority.id);
    say(json, to_json(&authority), &format!("{}\n{next}", to_text(&authority)))
}

async fn list_authorities(database: &DatabaseSettings, json: bool) -> anyhow::Result<()> {
    let authorities = admin::authorities(&open(database).await?).await?;
    let text = if authorities.is_empty() {
        "There is no authority yet; see verification authority create --help.".to_owned()
    } else {
        authorities.iter().map(to_text).collect::<Vec<_>>().join("\n")
    };
    say(json, Value::Array(authorities.iter().map(to_json).collect()), &text)
}

async fn generate_key(flags: GenerateKey, json: bool) -> anyhow::Result<()> {
    let GenerateKey { database, signing_key_dir, authority, public_key } = flags;
    let made = admin::create_signing_key_in(&open(&database).await?, &signing_key_dir, &authority).await;
    let (key, private) = made.with_context(|| no_authority(&authority))?;
    let pem = key.to_pem();
    if let Some(path) = &public_key {
        fs::write(path, &pem).with_context(|| format!("cannot write the public key to {}", path.display()))?;
    }
    let value = json!({
        "authority": authority,
        "kid": key.kid(),
        "algorithm": key.algorithm(),
        "public_key": pem,
        "private_key_file": private,
    });
    let text = format!(
        "Certificates of {authority} are signed by {} from now on; the private half is in {}.\nGive the key server the public half:\n{pem}",
        key.kid(),
        private.display()
    );
    say(json, value, text.trim_end())
}

async fn create_api_key(flags: CreateApiKey, json: bool) -> anyhow::Result<()> {
    let CreateApiKey { database, authority, kind } = flags;
    let key = admin::create_api_key(&open(&database).await?, &authority, kind)
        .await
        .with_context(|| no_authority(&authority))?;
    let value = json!({ "authority": authority, "kind": kind.as_str(), "api_key": key.as_str() });
    // The key stands alone on stdout, so that a shell can take it.
    eprintln!("To be sent as X-API-Key. It is shown this once.");
    say(json, value, key.as_str())
}

fn create_secret(path: &Path, json: bool) -> anyhow::Result<()> {
    Settings::create_secret(path).context("no secret was written")?;
    let text = format!("The secret is in {}. Keep a copy where only you can read it.", path.display());
    say(json, json!({ "secret_file": path }), &text)
}

fn no_authority(authority: &str) -> String {
    format!("nothing was made for {authority}; verification authority list shows which authorities there are")
}

fn to_json(authority: &Issuer) -> Value {
    json!({
        "id": authority.id,
        "issuer": authority.issuer,
        "audience": authority.audience,
        "date_required": authority.date_required,
    })
}

fn to_text(authority: &Issuer) -> String {
    let date = if authority.date_required { ", wants a date" } else { "" };
    format!("{}  issuer {}, audience {}{date}", authority.id, authority.issuer, authority.audience)
}

/// One result on stdout: JSON on one line, or words.
fn say(as_json: bool, value: Value, text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{value}")?
    } else {
        writeln!(out, "{text}")?
    };
    out.flush()?;
    Ok(())
}
