//! A key server whose clock is moved, for deployments in which machines do not agree about the time. It takes the flags of `server serve` and heeds those
//! that say where it listens, what it serves and with which keys; it has no limits and answers on no raster.
//!
//! `PRATIQUE_TEST_AHEAD_SECONDS` says by how much the clock is ahead, or behind if it is negative.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;

use anyhow::Context as _;
use server::{Settings, State};
use store::Clock;

/// What says how far to move the clock.
const VARIABLE: &str = "PRATIQUE_TEST_AHEAD_SECONDS";

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let flags: BTreeMap<&str, &str> =
        arguments.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    let flag = |name: &'static str| flags.get(name).copied().context(name);
    let clock = Clock::system();
    clock.set_offset(std::env::var(VARIABLE)?.parse().context(VARIABLE)?);
    let settings = Settings { database_url: flag("--database-url")?.parse()? };
    let state = State::open(&settings, clock).await?;
    let state = state.with_gateway(Path::new(flag("--ohttp-key-file")?))?;
    let state = state.with_revision_keys(Path::new(flag("--revision-key-file")?))?;
    Ok(server::listen(TcpListener::bind(flag("--listen")?)?, state)?.await?)
}
