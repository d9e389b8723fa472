//! The one list of routes, and the server around it.

use std::io;
use std::net::TcpListener;

use actix_web::Route;
use actix_web::dev::Server;
use actix_web::guard::{self, Guard};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use service::ohttp::{door, keys};
use service::{HasLimits as _, alive, counted, is_chaff, limited, raster, test_deployment, unknown_path, wrong_method};

use crate::chores;
use crate::handlers::{
    batch_issue, certificate, chaff, check_code_status, expire_code, health, issue, jwks, openapi, stats, user_report,
    verify,
};
use crate::phone_paths::PHONE_PATHS;
use crate::problem::Problem;
use crate::state::State;

/// Serves on a listener that is already bound, so that the caller knows the port, and deletes what has expired, unless nothing is to be
/// written; what is counted is published either way. The server runs once it is awaited and stops through its handle; signals belong to the program. To be called inside a Tokio
/// runtime.
///
/// # Errors
/// Those of the listener.
pub fn listen(listener: TcpListener, state: State) -> io::Result<Server> {
    let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
    let data = Data::new(state.clone());
    let connections = state.limits().map(|limits| limits.connections());
    let server = service::listen(listener, connections, move |cfg| {
        cfg.app_data(data.clone());
        routes(cfg);
    })?;
    runtime.spawn(chores::run(state));
    Ok(server)
}

/// Every route, by caller: method, path, handler. What is here stands in `openapi.json` too; a test compares them.
pub(crate) fn table() -> Vec<(Method, &'static str, Route)> {
    vec![
        // Phones, with a DEVICE key.
        (Method::POST, "/api/user-report", web::post().to(user_report::user_report)),
        (Method::POST, "/api/verify", web::post().to(verify::verify)),
        (Method::POST, "/api/certificate", web::post().to(certificate::certificate)),
        // Phones, and the relays between them and us. The door takes what is sealed before it comes here, if there is a key for it.
        (Method::GET, "/ohttp-keys", web::route().guard(get_or_head()).to(keys::<State, Problem>)),
        (Method::POST, "/ohttp", web::post().to(unknown_path::<Problem>)),
        // The authority, with an ADMIN key.
        (Method::POST, "/api/issue", web::post().to(issue::issue)),
        (Method::POST, "/api/batch-issue", web::post().to(batch_issue::batch_issue)),
        (Method::POST, "/api/checkcodestatus", web::post().to(check_code_status::check_code_status)),
        (Method::POST, "/api/expirecode", web::post().to(expire_code::expire_code)),
        // Its dashboards, with a STATS key.
        (Method::GET, "/api/stats/realm.json", web::route().guard(get_or_head()).to(stats::realm_json)),
        (Method::GET, "/api/stats/realm.csv", web::route().guard(get_or_head()).to(stats::realm_csv)),
        // Key servers.
        (Method::GET, "/jwks/{authority}", web::route().guard(get_or_head()).to(jwks::jwks)),
        // Operators, and whoever writes a program for one of the above.
        (Method::GET, "/health", web::route().guard(get_or_head()).to(health::health)),
        (Method::GET, "/healthz", web::route().guard(get_or_head()).to(alive)),
        (Method::GET, "/readyz", web::route().guard(get_or_head()).to(health::readyz)),
        (Method::GET, "/openapi.json", web::route().guard(get_or_head()).to(openapi::openapi)),
        // Whoever is about to load a test deployment.
        (Method::GET, "/test-deployment", web::route().guard(get_or_head()).to(test_deployment::<State, Problem>)),
    ]
}

/// All of them, behind the door of the gateway, that behind the limits, and all of that behind the raster on which answers leave. [`State`] must be in the
/// application's data.
pub fn routes(cfg: &mut ServiceConfig) {
    // What is wrapped last stands outermost.
    let each_counted = web::scope("").configure(every_route).wrap(from_fn(counted::<State>));
    let sealed_or_not = each_counted.wrap(from_fn(door::<State, Problem>));
    let within_limits = sealed_or_not.wrap(from_fn(limited::<State, Problem>));
    cfg.service(within_limits.wrap(from_fn(raster::<State>)));
}

fn every_route(cfg: &mut ServiceConfig) {
    for (_, path, route) in table() {
        let mut resource = web::resource(path);
        if PHONE_PATHS.contains(&path) {
            // Each takes chaff, too. The first route that fits a request has it.
            resource = resource.route(web::post().guard(is_chaff()).to(chaff::chaff));
        }
        cfg.service(resource.route(route).default_service(web::to(wrong_method::<Problem>)));
    }
    cfg.default_service(web::to(unknown_path::<Problem>));
}

/// What may be asked for may be asked for without its body: a load balancer does.
fn get_or_head() -> impl Guard {
    guard::Any(guard::Get()).or(guard::Head())
}
