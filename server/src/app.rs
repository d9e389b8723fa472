//! The one list of routes, and the server around it.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpServer};

use crate::body;
use crate::handlers::{health, publish, reports};
use crate::problem::Problem;
use crate::state::State;

/// How long requests that are under way may take to finish once the server is told to stop, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 10;
/// How long a phone may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves on a listener that is already bound, so that the caller knows the port. The server runs once it is awaited and stops through its
/// handle; signals belong to the program.
///
/// # Errors
/// Those of the listener.
pub fn listen(listener: TcpListener, state: State) -> io::Result<Server> {
    let state = Data::new(state);
    let server = HttpServer::new(move || App::new().app_data(state.clone()).configure(routes));
    let server = server.disable_signals().shutdown_timeout(SHUTDOWN_TIMEOUT).client_request_timeout(HEAD_TIMEOUT);
    Ok(server.listen(listener)?.run())
}

/// Every route, by caller. [`State`] must be in the application's data.
pub fn routes(cfg: &mut ServiceConfig) {
    // Phones.
    cfg.service(web::resource("/v1/publish").post(publish::publish).default_service(web::to(wrong_method)));
    cfg.service(web::resource("/v1/reports").post(reports::reports).default_service(web::to(wrong_method)));
    // Operators.
    cfg.route("/health", web::get().to(health::health));
    cfg.default_service(web::to(unknown_path));
}

/// 405 without an `Allow` header: every reply to a phone has the same header names.
async fn wrong_method(body: web::Payload) -> Problem {
    body::discard(body).await;
    Problem::MethodNotAllowed
}

async fn unknown_path(body: web::Payload) -> Problem {
    body::discard(body).await;
    Problem::NotFound
}
