//! Listening.

use std::future::ready;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive};
use actix_server::Server;
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::web::ServiceConfig;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::connection::{Line, watched};

/// How long requests that are under way may take to finish once the service is told to stop, in seconds: a body has 30 seconds to arrive, and ten more are
/// for the queue, the work and the ticks. Connections without a request end at once, so nobody waits for so long without need.
const SHUTDOWN_TIMEOUT: u64 = 45;
/// How many connections a service holds that has no limits of its own.
const CONNECTIONS: u32 = 12_000;
/// How many more the system keeps until we take them; it may have a lower limit (`net.core.somaxconn`).
const BACKLOG: i32 = 4_096;
/// The most threads that the framework takes.
const MOST_WORKERS: usize = 512;

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

/// Serves `routes`, state included, on a listener that is already bound, so that the caller knows the port. No more than `connections` are held at once,
/// or 12,000: more wait with the system. The service runs once it is awaited and stops through its handle; signals belong to the program, see
/// [`stop_on_signal`](crate::stop_on_signal).
///
/// # Errors
/// Those of the listener.
pub fn listen<R>(listener: TcpListener, connections: Option<u32>, routes: R) -> io::Result<Server>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    // Listening again is how a listener that is bound already is given a longer backlog.
    SockRef::from(&listener).listen(BACKLOG)?;
    let connections = usize::try_from(connections.unwrap_or(CONNECTIONS)).unwrap_or(usize::MAX);
    let workers = available_parallelism().map_or(2, NonZeroUsize::get).min(MOST_WORKERS);
    let builder = Server::build().workers(workers).max_concurrent_connections(connections.div_ceil(workers));
    let builder = builder.disable_signals().shutdown_timeout(SHUTDOWN_TIMEOUT);
    let stopping = builder.graceful_shutdown_signal();
    let service = move || {
        let (routes, stopping) = (routes.clone(), stopping.clone());
        let app = App::new().configure(|cfg| routes(cfg)).wrap(from_fn(watched));
        let app = map_config(app, |()| AppConfig::default()).map_err(|error: actix_web::Error| error.error_response());
        let stopping = move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        };
        let http = HttpService::build().graceful_shutdown_signal(stopping);
        // The line knows better than the framework how long a head may take, first or not.
        let http = http.keep_alive(KeepAlive::Os).client_request_timeout(Duration::ZERO);
        let http = http.on_connect_ext(|line: &Line, data| drop(data.insert(line.watch())));
        fn_service(|stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            ready(Ok((Line::new(stream), peer)))
        })
        .and_then(http.h1(app))
    };
    Ok(builder.listen("pratique", listener, service)?.run())
}
