//! The program `verification`: parse, dispatch, say what happened.

mod cli;

use std::time::Duration;

use anyhow::Context;
use cli::session::{open, open_service, say};
use cli::{Cli, Command, Serve, VARIABLES, api_key, authority, codes, keys, secret, stats};
use indicatif::ProgressBar;
use serde_json::json;
use service::LogFormat;
use service::ohttp::say_keys;
use store::{Clock, chance};
use verification::{DatabaseSettings, Purged, State, admin};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let Cli { json, command } = service::parse(VARIABLES);
    let format = match &command {
        Command::Serve(flags) => LogFormat::for_long(flags.log_format),
        _ => LogFormat::Text,
    };
    service::log_to_stderr("info", format);
    match command {
        Command::Serve(flags) => serve(*flags, json).await,
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
        Command::OhttpKey(command) => {
            let keys =
                command.run(Clock::system().now(), &mut chance::source()).context("the keys are as they were")?;
            Ok(say_keys(&keys, json)?)
        }
        Command::Issue(flags) => codes::issue(*flags, json).await,
        Command::Status(flags) => codes::status(flags, json).await,
        Command::Expire(flags) => codes::expire(flags, json).await,
        Command::Stats(flags) => stats::run(flags, json).await,
    }
}

async fn serve(flags: Serve, json: bool) -> anyhow::Result<()> {
    let state = open_service(&flags.settings).await?.with_batch_limit(flags.batch_limit.into());
    let state = state.with_maintenance(flags.maintenance).with_threshold(flags.withholding.threshold);
    for warning in flags.edge.warnings(flags.listen.ip(), flags.ohttp_key_file.is_some()) {
        tracing::warn!("{warning}");
    }
    service::raise_descriptors(flags.limits.connections);
    let mut state = state.with_budgets(flags.budgets).with_edge(flags.edge.into()).with_limits(&flags.limits);
    state = state.with_tick(Duration::from_millis(flags.tick_ms)).with_chaff_rate(flags.chaff_per_second);
    state = state.with_test_deployment(&flags.deployment.test_deployment);
    if let Some(file) = &flags.ohttp_key_file {
        state = state.with_gateway(file).context("cannot open the gateway; check --ohttp-key-file")?;
    }
    ensure_ready(&state).await?;
    let (listener, url) = service::bind(flags.listen, "--listen")?;
    let mut said = (json!({ "listening": url }), format!("Listening on {url}"));
    if let Some(address) = flags.metrics_listen {
        let (listener, url) = service::bind(address, "--metrics-listen")?;
        actix_web::rt::spawn(service::listen_metrics(listener, state.metrics().clone())?);
        said = (json!({ "listening": said.0["listening"], "metrics": url }), format!("{}, metrics on {url}", said.1));
    }
    let (health, drain) = (state.health().clone(), Duration::from_secs(flags.drain_seconds));
    let server = verification::listen(listener, state)?;
    service::stop_on_signal(server.handle(), health, drain)?;
    say(json, said.0, &said.1)?;
    server.await?;
    Ok(())
}

/// Looks at what the authorities need, so that a directory that was mistyped stops the program here and not every phone later. Authorities may be added
/// and get their keys while it runs: of what is still to come it only warns.
async fn ensure_ready(state: &State) -> anyhow::Result<()> {
    if admin::authorities(state).await?.is_empty() {
        tracing::warn!("no authority is known, so nobody can issue codes; see `verification authority create --help`");
    }
    let without = admin::check_signing_keys(state).await.context(
        "certificates cannot be signed; check --signing-key-dir or VERIFICATION_SIGNING_KEY_DIR, and the keys that stand in the environment",
    )?;
    for id in without {
        tracing::warn!(
            authority.id = id,
            "the authority has no signing key, so no phone gets a certificate; see `verification keys generate --help`"
        );
    }
    admin::check_text_messages(state).await.context(
        "text messages cannot be sent; mend the file or take it out of --delivery-dir or VERIFICATION_DELIVERY_DIR",
    )
}

/// Says on a terminal how far it is, and in the end what it did.
async fn purge(database: &DatabaseSettings, json: bool) -> anyhow::Result<()> {
    let progress = ProgressBar::new_spinner();
    let so_far = |purged: Purged| progress.set_message(format!("Purging: {}", count(purged)));
    let purged = verification::purge_watched(&open(database).await?, so_far).await?;
    progress.finish_and_clear();
    let text = format!("Purged {}; nothing expired is left.", count(purged));
    say(json, json!({ "rows": purged.rows, "batches": purged.batches }), &text)
}

/// Rows and batches in words.
fn count(purged: Purged) -> String {
    let [rows, batches] = [(purged.rows, "row", "rows"), (purged.batches, "batch", "batches")]
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
    format!("{rows} in {batches}")
}
