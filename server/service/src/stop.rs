//! Stopping in good order.

use std::io;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::rt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::health::Health;

/// Stops a service at SIGTERM or SIGINT. `/readyz` says at once that nothing more should be sent; after `drain` the listener closes, and the requests that
/// are under way are answered. Another signal ends the wait. Both signals are caught when this returns, so whoever is told afterwards that the service
/// listens may send one at once.
///
/// # Errors
/// If a signal cannot be caught.
pub fn stop_on_signal(service: ServerHandle, health: Health, drain: Duration) -> io::Result<()> {
    let mut signals =
        Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    rt::spawn(async move {
        signals.next().await;
        health.drain();
        if !drain.is_zero() {
            tracing::info!(
                drain.seconds = drain.as_secs(),
                "stopping after a while: not ready any more, and still listening"
            );
            // Whether the time is over or somebody is in a hurry: it goes on.
            let _ = timeout(drain, signals.next()).await;
        }
        tracing::info!("stopping: requests that are under way are answered first");
        service.stop(true).await;
    });
    Ok(())
}

/// The two signals that end a program.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
