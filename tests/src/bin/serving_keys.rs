//! A key server as a process of its own, for tests in which clients treat it badly. It answers at once, since nobody watches.
//!
//! Argument: the URL of the database. The first line that it prints is where it listens.

use std::io::Write as _;
use std::net::TcpListener;

use anyhow::Context as _;
use server::{Settings, State};
use store::Clock;

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let database_url = std::env::args().nth(1).context("a database")?.parse()?;
    let state = State::open(&Settings { database_url }, Clock::system()).await?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = server::listen(listener, state)?;
    writeln!(std::io::stdout(), "{address}")?;
    Ok(server.await?)
}
