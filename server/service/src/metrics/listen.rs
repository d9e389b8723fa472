//! The listener for operators.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::dev::Server;
use actix_web::web::{self, ServiceConfig};

use super::registry::Metrics;
use crate::health::{alive, ready};
use crate::listen::listen;

/// What the text is (OpenMetrics 1.0).
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `GET /metrics` on a listener that is already bound. For operators: it belongs on an address that phones do not reach.
///
/// # Errors
/// Those of the listener.
pub fn listen_metrics(listener: TcpListener, metrics: Metrics) -> io::Result<Server> {
    let metrics: Arc<[Metrics]> = [metrics].into();
    listen(listener, None, move |cfg| show(cfg, &metrics))
}

/// The same for a program that has no other listener, or for several in one process, whose numbers have names that begin differently: `GET /healthz` and
/// `GET /readyz` are there, too, the latter as `is_ready` says.
///
/// # Errors
/// Those of the listener.
pub fn listen_metrics_and_probes(
    listener: TcpListener,
    metrics: Arc<[Metrics]>,
    is_ready: Arc<dyn Fn() -> bool + Send + Sync>,
) -> io::Result<Server> {
    listen(listener, None, move |cfg| {
        let is_ready = Arc::clone(&is_ready);
        let judge = move || {
            let answer = ready(is_ready());
            async move { answer }
        };
        show(cfg, &metrics);
        cfg.route("/healthz", web::get().to(alive)).route("/readyz", web::get().to(judge));
    })
}

fn show(cfg: &mut ServiceConfig, metrics: &Arc<[Metrics]>) {
    let metrics = Arc::clone(metrics);
    let show = move || {
        let text = Metrics::render_all(&metrics);
        async move { HttpResponse::Ok().content_type(CONTENT_TYPE).body(text) }
    };
    cfg.route("/metrics", web::get().to(show));
}
