//! The program `verification`: parse, dispatch, say what happened.

mod cli;

use std::net::TcpListener;

use anyhow::Context;
use clap::Parser;
use cli::session::{open, open_service, say};
use cli::{Cli, Command, Serve, api_key, authority, codes, keys, secret};
use serde_json::json;
use verification::{DatabaseSettings, admin};

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
        Command::Keys(command) => keys::run(command, json).await,
        Command::ApiKey(command) => api_key::run(command, json).await,
        Command::Purge { database } => purge(&database, json).await,
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

async fn purge(database: &DatabaseSettings, json: bool) -> anyhow::Result<()> {
    let purged = verification::purge(&open(database).await?).await?;
    let [rows, batches] = [(purged.rows, "row", "rows"), (purged.batches, "batch", "batches")]
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
    let text = format!("Purged {rows} in {batches}; nothing expired is left.");
    say(json, json!({ "rows": purged.rows, "batches": purged.batches }), &text)
}
