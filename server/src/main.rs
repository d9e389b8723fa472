//! The program `server`: parse, dispatch, say what happened.

mod cli;

use std::time::Duration;

use anyhow::Context;
use cli::{Cli, Command, Serve, VARIABLES, deny_key, feed, revision_key, stats, withdraw};
use serde_json::json;
use server::{Settings, State, admin};
use service::ohttp::say_keys;
use service::{LogFormat, say};
use store::{Clock, SelfReporting, chance};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let Cli { json, command } = service::parse(VARIABLES);
    let format = match &command {
        Command::Serve(flags) => LogFormat::for_long(flags.log_format),
        _ => LogFormat::Text,
    };
    service::log_to_stderr("info", format);
    match command {
        Command::Serve(flags) => serve(flags, json).await,
        Command::Migrate { settings } => {
            store::migrate_key_store(&settings.database_url)
                .await
                .context("cannot migrate the key database; check --database-url or SERVER_DATABASE_URL")?;
            say(json, &json!({ "migrated": true }), "The database is at the newest version.")?;
            Ok(())
        }
        Command::Authority(command) => command.run(json).await,
        Command::DenyKey(flags) => deny_key::run(flags, json).await,
        Command::Stats(flags) => stats::run(flags, json).await,
        Command::Withdraw(flags) => withdraw::run(flags, json).await,
        Command::Audit(command) => command.run(json).await,
        Command::OhttpKey(command) => {
            let keys =
                command.run(Clock::system().now(), &mut chance::source()).context("the keys are as they were")?;
            Ok(say_keys(&keys, json)?)
        }
        Command::Feed(command) => feed::run(command, json).await,
        Command::RevisionKey(command) => revision_key::run(command, json),
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
    let state = open(&flags.settings).await?.with_self_reports(&flags.self_reports);
    let mut state = state.context("cannot give out challenges; check --challenge-secret-file")?;
    state = state.with_tick(Duration::from_millis(flags.tick_ms)).with_chaff_rate(flags.chaff_per_second);
    state = state.with_jwks_period(Duration::from_secs(flags.jwks_minutes * 60));
    state = state.with_stats_audience(&flags.stats_audience);
    state = state.with_test_deployment(&flags.deployment.test_deployment);
    for warning in flags.edge.warnings(flags.listen.ip(), flags.ohttp_key_file.is_some()) {
        tracing::warn!("{warning}");
    }
    service::raise_descriptors(flags.limits.connections);
    state = state.with_edge(flags.edge.into()).with_limits(&flags.limits);
    if let Some(file) = &flags.ohttp_key_file {
        state = state.with_gateway(file).context("cannot open the gateway; check --ohttp-key-file")?;
    }
    match &flags.revision_key_file {
        Some(file) => {
            state = state.with_revision_keys(file).context("cannot seal revision tokens; check --revision-key-file")?;
        }
        None => tracing::warn!(
            "revision tokens end with this process, and no other server takes them: without --revision-key-file nobody can revise what they uploaded before"
        ),
    }
    let authorities = admin::authorities(&state).await?;
    if authorities.is_empty() {
        tracing::warn!("no authority is known, so every upload will be refused; see `server authority add --help`");
    }
    if let Some(id) = &flags.self_reports.self_report_authority {
        let taking = authorities.iter().find(|known| known.id.eq_ignore_ascii_case(id));
        if taking.is_none_or(|known| known.self_reports == SelfReporting::Off) {
            tracing::warn!(
                "the authority of --self-report-authority takes no reports without a certificate; see `server authority update --help`"
            );
        }
    }
    let (listener, url) = service::bind(flags.listen, "--listen")?;
    let mut said = (json!({ "listening": url }), format!("Listening on {url}"));
    if let Some(address) = flags.metrics_listen {
        let (listener, url) = service::bind(address, "--metrics-listen")?;
        actix_web::rt::spawn(service::listen_metrics(listener, state.metrics().clone())?);
        said = (json!({ "listening": said.0["listening"], "metrics": url }), format!("{}, metrics on {url}", said.1));
    }
    let (health, drain) = (state.health().clone(), Duration::from_secs(flags.drain_seconds));
    let server = server::listen(listener, state)?;
    service::stop_on_signal(server.handle(), health, drain)?;
    say(json, &said.0, &said.1)?;
    server.await?;
    Ok(())
}
