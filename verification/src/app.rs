//! The one list of routes, and the server around it.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpServer};

use crate::handlers::{certificate, health, issue, jwks, verify};
use crate::problem::Problem;
use crate::state::State;

/// How long requests that are under way may take to finish once the server is told to stop, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 10;
/// How long a phone may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How often what has expired is deleted.
const PURGE_PERIOD: Duration = Duration::from_secs(60);
/// How many rows of a kind are deleted in one transaction: phones wait for it.
const PURGE_ROWS: u32 = 500;

/// Serves on a listener that is already bound, so that the caller knows the port, and deletes what has expired. The server runs once it is
/// awaited and stops through its handle; signals belong to the program. To be called inside a Tokio runtime.
///
/// # Errors
/// Those of the listener.
pub fn listen(listener: TcpListener, state: State) -> io::Result<Server> {
    let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
    let data = Data::new(state.clone());
    let server = HttpServer::new(move || App::new().app_data(data.clone()).configure(routes));
    let server = server.disable_signals().shutdown_timeout(SHUTDOWN_TIMEOUT).client_request_timeout(HEAD_TIMEOUT);
    let server = server.listen(listener)?.run();
    runtime.spawn(keep_clean(state));
    Ok(server)
}

/// Every route, by caller. [`State`] must be in the application's data.
pub fn routes(cfg: &mut ServiceConfig) {
    // Phones, with a DEVICE key.
    cfg.service(web::resource("/api/verify").post(verify::verify).default_service(web::to(wrong_method)));
    cfg.service(
        web::resource("/api/certificate").post(certificate::certificate).default_service(web::to(wrong_method)),
    );
    // The authority, with an ADMIN key.
    cfg.service(web::resource("/api/issue").post(issue::issue).default_service(web::to(wrong_method)));
    // Key servers.
    cfg.route("/jwks/{authority}", web::get().to(jwks::jwks));
    // Operators.
    cfg.route("/health", web::get().to(health::health));
    cfg.default_service(web::to(unknown_path));
}

/// 405 without an `Allow` header: every reply to a phone has the same header names.
async fn wrong_method() -> Problem {
    Problem::WRONG_METHOD
}

async fn unknown_path() -> Problem {
    Problem::NOT_FOUND
}

/// Deletes what has expired until nobody else holds the state.
async fn keep_clean(state: State) {
    let mut clock = tokio::time::interval(PURGE_PERIOD);
    loop {
        clock.tick().await;
        if !state.is_shared() {
            return;
        }
        if let Err(error) = purge(&state).await {
            tracing::error!(%error, "what has expired could not be deleted; trying again in a minute");
        }
    }
}

async fn purge(state: &State) -> Result<(), store::StoreError> {
    while state.store().purge(state.now(), PURGE_ROWS).await? > 0 {}
    Ok(())
}
