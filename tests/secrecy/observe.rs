//! What somebody sees who watches a connection and can read what is on it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::Serialize;
use tests::wire::Reply;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, timeout};

use crate::PAUSE;
use crate::requests::{Class, ROUTES, Route, Stock};
use crate::scene::Scene;

/// How long an answer is waited for, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A request's answer, from outside.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Observation {
    system: &'static str,
    route: &'static str,
    class: &'static str,
    status: u16,
    /// The body, in bytes.
    size: usize,
    /// The head, in bytes.
    head: usize,
    /// The names of the head's fields, sorted.
    names: String,
    /// As they came.
    order: String,
    /// From the first byte of the request to the first of the answer.
    first_ms: f64,
    /// To its last.
    total_ms: f64,
    /// Whether the service closed the connection then.
    closed: bool,
}

/// Sends so many requests of each class on each route, one every [`PAUSE`], and watches them.
pub(crate) async fn watch(
    system: &'static str,
    scene: &Scene,
    stock: &Stock,
    samples: usize,
) -> anyhow::Result<Vec<Observation>> {
    let routes = ROUTES.map(|route| watch_route(system, route, scene.address(route), stock, samples));
    Ok(futures(routes).await?.concat())
}

async fn futures<F: Future<Output = anyhow::Result<Vec<Observation>>>>(
    routes: [F; 3],
) -> anyhow::Result<Vec<Vec<Observation>>> {
    let [publish, verify, certificate] = routes;
    let (publish, verify, certificate) = tokio::try_join!(publish, verify, certificate)?;
    Ok(vec![publish, verify, certificate])
}

async fn watch_route(
    system: &'static str,
    route: Route,
    to: SocketAddr,
    stock: &Stock,
    samples: usize,
) -> anyhow::Result<Vec<Observation>> {
    let mut order: Vec<_> =
        Class::ALL.iter().flat_map(|&class| (0..samples).map(move |number| (class, number))).collect();
    order.shuffle(&mut StdRng::seed_from_u64(route as u64));
    let mut clock = tokio::time::interval(PAUSE);
    // After a pause of the machine's nobody catches up.
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = Vec::with_capacity(order.len());
    for (class, number) in order {
        // Made before its time comes, so that making it delays nothing.
        let request = stock.request(route, class, number, to)?;
        clock.tick().await;
        under_way.push(tokio::spawn(async move {
            let seen = timeout(PATIENCE, ask(to, &request))
                .await?
                .with_context(|| format!("{} {}", route.name(), class.name()))?;
            seen.into_observation(system, route, class)
        }));
    }
    let mut seen = Vec::with_capacity(under_way.len());
    for one in under_way {
        seen.push(one.await??);
    }
    Ok(seen)
}

/// An answer, and when it came.
struct Seen {
    bytes: Vec<u8>,
    first: Duration,
    total: Duration,
    closed: bool,
}

/// Sends a request over a connection of its own and reads the answer to its end.
async fn ask(to: SocketAddr, request: &[u8]) -> anyhow::Result<Seen> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let begun = Instant::now();
    stream.write_all(request).await?;
    let mut bytes = Vec::with_capacity(8_192);
    let mut first = None;
    while length(&bytes).is_none_or(|length| bytes.len() < length) {
        let read = stream.read_buf(&mut bytes).await?;
        anyhow::ensure!(read > 0, "the answer broke off after {} bytes", bytes.len());
        first.get_or_insert_with(|| begun.elapsed());
    }
    let total = begun.elapsed();
    // A service that wants to close has done so by the time that the answer was read.
    let closed = matches!(stream.try_read(&mut [0]), Ok(0));
    Ok(Seen { bytes, first: first.context("no answer")?, total, closed })
}

/// How long the answer is, once its head is there.
fn length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    Some(head + length.parse::<usize>().ok()?)
}

impl Seen {
    fn into_observation(self, system: &'static str, route: Route, class: Class) -> anyhow::Result<Observation> {
        let reply = Reply::parse(&self.bytes)?;
        let head = self.bytes.len() - reply.body.len();
        let text = std::str::from_utf8(&self.bytes[..head])?;
        let order: Vec<_> = text.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        let expected = class != Class::Refused;
        anyhow::ensure!((reply.status == 200) == expected, "{} {}: {reply:?}", route.name(), class.name());
        let names: BTreeSet<_> = order.iter().copied().collect();
        Ok(Observation {
            system,
            route: route.name(),
            class: class.name(),
            status: reply.status,
            size: reply.body.len(),
            head,
            names: names.into_iter().collect::<Vec<_>>().join(","),
            order: order.join(","),
            first_ms: self.first.as_secs_f64() * 1_000.0,
            total_ms: self.total.as_secs_f64() * 1_000.0,
            closed: self.closed,
        })
    }
}
