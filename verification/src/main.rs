//! The program `verification`: parse, dispatch, say what happened.

mod cli;

use std::fs;
use std::net::TcpListener;

use anyhow::Context;
use clap::Parser;
use cli::session::{no_authority, open, open_service, say};
use cli::{ApiKeyCommand, Cli, Command, CreateApiKey, GenerateKey, KeysCommand, Serve, authority, codes, secret};
use serde_json::json;
use verification::admin;

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
        Command::Authority(command) => authority::run(command, json).await,
        Command::Keys(KeysCommand::Generate(flags)) => generate_key(flags, json).await,
        Command::ApiKey(ApiKeyCommand::Create(flags)) => create_api_key(flags, json).await,
        Command::Secret(command) => secret::run(command, json).await,
        Command::Issue(flags) => codes::issue(flags, json).await,
        Command::Status(flags) => codes::status(flags, json).await,
        Command::Expire(flags) => codes::expire(flags, json).await,
    }
}

async fn serve(flags: Serve, json: bool) -> anyhow::Result<()> {
    let state = open_service(&flags.settings).await?.with_batch_limit(flags.batch_limit);
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
