//! Listening.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};

/// How long requests that are under way may take to finish once the service is told to stop, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 10;
/// How long a phone may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A listener for an address that a flag chose, and the URL that reaches it.
///
/// # Errors
/// Those of the system, with what to do about them.
pub fn bind(address: SocketAddr, flag: &str) -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(address).map_err(|why| {
        let advice = format!("choose another address with {flag}, port 0 takes any free one");
        io::Error::new(why.kind(), format!("cannot listen on {address}: {why}; {advice}"))
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

/// Serves `routes`, state included, on a listener that is already bound, so that the caller knows the port. The service runs once it is awaited
/// and stops through its handle; signals belong to the program, see [`stop_on_signal`](crate::stop_on_signal).
///
/// # Errors
/// Those of the listener.
pub fn listen<R>(listener: TcpListener, routes: R) -> io::Result<Server>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let server = HttpServer::new(move || App::new().configure(|cfg| routes(cfg)));
    let server = server.disable_signals().shutdown_timeout(SHUTDOWN_TIMEOUT).client_request_timeout(HEAD_TIMEOUT);
    Ok(server.listen(listener)?.run())
}
