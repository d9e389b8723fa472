//! The one list of routes, and the server around it.

use std::io;
use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use service::ohttp::{door, keys};
use service::{HasLimits as _, alive, counted, is_chaff, limited, raster, test_deployment, unknown_path, wrong_method};

use crate::chores;
use crate::handlers::{chaff, challenge, health, publish, reports, stats, submit_report, tcnreport};
use crate::problem::Problem;
use crate::state::State;

/// Serves on a listener that is already bound, so that the caller knows the port, and forgets what nobody asks for any more. The server runs once
/// it is awaited and stops through its handle; signals belong to the program. To be called inside a Tokio runtime.
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

/// Every route, behind the door of the gateway, that behind the limits, and all of that behind the raster on which answers leave. [`State`] must be in
/// the application's data.
pub fn routes(cfg: &mut ServiceConfig) {
    // What is wrapped last stands outermost.
    let each_counted = web::scope("").configure(every_route).wrap(from_fn(counted::<State>));
    let sealed_or_not = each_counted.wrap(from_fn(door::<State, Problem>));
    let within_limits = sealed_or_not.wrap(from_fn(limited::<State, Problem>));
    cfg.service(within_limits.wrap(from_fn(raster::<State>)));
}

/// All of them, by caller.
fn every_route(cfg: &mut ServiceConfig) {
    let other = || web::to(wrong_method::<Problem>);
    // Phones.
    let phones = vec![
        ("/v1/publish", web::post().to(publish::publish)),
        ("/v1/reports", web::post().to(reports::reports)),
        ("/v1/challenge", web::post().to(challenge::challenge)),
        // Those whose apps know nothing of certificates. An app whose base URL can be chosen names its authority in it.
        ("/tcnreport/0.4.0", web::post().to(tcnreport::tcnreport)),
        ("/tcnreport/v0.4.0", web::post().to(tcnreport::tcnreport)),
        ("/submitReport", web::post().to(submit_report::submit_report)),
        ("/self/{authority}/tcnreport/0.4.0", web::post().to(tcnreport::tcnreport)),
        ("/self/{authority}/tcnreport/v0.4.0", web::post().to(tcnreport::tcnreport)),
        ("/self/{authority}/submitReport", web::post().to(submit_report::submit_report)),
    ];
    for (path, route) in phones {
        // Each takes chaff, too. The first route that fits a request has it.
        let decoy = web::post().guard(is_chaff()).to(chaff::chaff);
        cfg.service(web::resource(path).route(decoy).route(route).default_service(other()));
    }
    // Phones, and the relays between them and us. The door takes what is sealed before it comes here, if there is a key for it.
    let published = keys::<State, Problem>;
    cfg.service(web::resource("/ohttp-keys").get(published).head(published).default_service(other()));
    cfg.service(web::resource("/ohttp").post(unknown_path::<Problem>).default_service(other()));
    // Health authorities.
    cfg.service(web::resource("/v1/stats").post(stats::stats).default_service(other()));
    // Operators.
    cfg.service(web::resource("/health").get(health::health).head(health::health).default_service(other()));
    cfg.service(web::resource("/healthz").get(alive).head(alive).default_service(other()));
    cfg.service(web::resource("/readyz").get(health::readyz).head(health::readyz).default_service(other()));
    // Whoever is about to load a test deployment.
    let asked = test_deployment::<State, Problem>;
    cfg.service(web::resource("/test-deployment").get(asked).head(asked).default_service(other()));
    cfg.default_service(web::to(unknown_path::<Problem>));
}
