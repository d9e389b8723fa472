//! Stopping in good order.

use std::io;

use actix_web::dev::ServerHandle;
use actix_web::rt;
use tokio::signal::unix::{SignalKind, signal};

/// Stops a service at SIGTERM or SIGINT, after the requests that are under way are answered. Both signals are caught when this returns, so
/// whoever is told afterwards that the service listens may send one at once.
///
/// # Errors
/// If a signal cannot be caught.
pub fn stop_on_signal(service: ServerHandle) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    rt::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: requests that are under way are answered first");
        service.stop(true).await;
    });
    Ok(())
}
