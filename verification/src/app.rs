//! The one list of routes, and the server around it.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{self, Data, ServiceConfig};
use service::{unknown_path, wrong_method};

use crate::handlers::{batch_issue, certificate, check_code_status, expire_code, health, issue, jwks, verify};
use crate::problem::Problem;
use crate::state::State;

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
    let server = service::listen(listener, move |cfg| {
        cfg.app_data(data.clone());
        routes(cfg);
    })?;
    runtime.spawn(keep_clean(state));
    Ok(server)
}

/// Every route, by caller. [`State`] must be in the application's data.
pub fn routes(cfg: &mut ServiceConfig) {
    let other = || web::to(wrong_method::<Problem>);
    // Phones, with a DEVICE key.
    cfg.service(web::resource("/api/verify").post(verify::verify).default_service(other()));
    cfg.service(web::resource("/api/certificate").post(certificate::certificate).default_service(other()));
    // The authority, with an ADMIN key.
    cfg.service(web::resource("/api/issue").post(issue::issue).default_service(other()));
    cfg.service(web::resource("/api/batch-issue").post(batch_issue::batch_issue).default_service(other()));
    let status = web::resource("/api/checkcodestatus").post(check_code_status::check_code_status);
    cfg.service(status.default_service(other()));
    cfg.service(web::resource("/api/expirecode").post(expire_code::expire_code).default_service(other()));
    // Key servers.
    cfg.service(web::resource("/jwks/{authority}").get(jwks::jwks).head(jwks::jwks).default_service(other()));
    // Operators.
    cfg.service(web::resource("/health").get(health::health).head(health::health).default_service(other()));
    cfg.default_service(web::to(unknown_path::<Problem>));
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
