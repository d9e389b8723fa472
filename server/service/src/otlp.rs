//! Traces for a collector of OpenTelemetry: OTLP 1.x over HTTP, in JSON, as its protocol specification has it ("OTLP/HTTP", "JSON Protobuf Encoding").
//!
//! What is traced is what a program does by itself: a pass of the exporter, and the transactions in it. Nothing that a phone brings about is, since a span says to the
//! nanosecond when it began. A span carries names and counts, and nothing of anybody's rows.
//!
//! The collector stands beside the program, on the same machine or in the same private network, so it is spoken to in plain HTTP, by hand: a client
//! library would be larger than all of this. One that is slow or down costs spans, never time: what finds no room in the queue is dropped.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proto::{Malformed, Timestamp};
use serde_json::{Value, json};
use store::{Connected, Ended, Observer};

/// How many spans wait to be sent, and how many are sent at once.
const QUEUE: usize = 4_096;
const BATCH: usize = 512;
/// How long spans are gathered, and how long a collector may take.
const GATHER: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a collector listens: `http://HOST:PORT`, and a path if it is another than `/v1/traces`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    authority: String,
    path: String,
}

impl FromStr for Collector {
    type Err = Malformed;

    fn from_str(url: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("otlp-endpoint", "must be http://HOST:PORT or http://HOST:PORT/PATH");
        let rest = url.strip_prefix("http://").ok_or_else(malformed)?;
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        let is_host = |host: &str| {
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"@?#\\".contains(&byte))
        };
        let (host, port) = authority.rsplit_once(':').ok_or_else(malformed)?;
        if !is_host(host) || port.parse::<u16>().is_err() || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed());
        }
        let path = if path.is_empty() { "/v1/traces".to_owned() } else { format!("/{path}") };
        Ok(Self { authority: authority.to_owned(), path })
    }
}

/// Sends spans to a collector.
pub struct Tracer {
    spans: SyncSender<Value>,
    /// Unix time and the moment at which that was read: spans are timed by a clock that nobody sets.
    started: (Timestamp, Instant),
    /// Guards the ids of the trace that is being made and of its root, which is sent last.
    current: Mutex<([u8; 16], [u8; 8])>,
}

impl Tracer {
    /// Begins to send what `service` does.
    pub fn start(collector: Collector, service: &'static str, now: Timestamp) -> Self {
        let (spans, queue) = sync_channel(QUEUE);
        std::thread::spawn(move || deliver(&collector, service, &queue));
        Self { spans, started: (now, Instant::now()), current: Mutex::new(drawn()) }
    }

    /// Notes a part of what is being done, which has just ended.
    pub fn part(&self, name: &str, took: Duration, failed: bool) {
        let (trace, root) = *self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let mut span = self.span((trace, store::chance::bytes()), name, took, failed, &[]);
        span["parentSpanId"] = json!(hex::encode(root));
        self.send(span);
    }

    /// Notes the whole, which has just ended, and begins another trace.
    pub fn whole(&self, name: &str, took: Duration, failed: bool, counts: &[(&str, u64)]) {
        let ids = std::mem::replace(&mut *self.current.lock().unwrap_or_else(PoisonError::into_inner), drawn());
        self.send(self.span(ids, name, took, failed, counts));
    }

    fn span(
        &self,
        ids: ([u8; 16], [u8; 8]),
        name: &str,
        took: Duration,
        failed: bool,
        counts: &[(&str, u64)],
    ) -> Value {
        let ended = u128::try_from(self.started.0.unix()).unwrap_or_default() * 1_000_000_000
            + self.started.1.elapsed().as_nanos();
        let attribute = |(key, count): &(&str, u64)| json!({ "key": key, "value": { "intValue": count.to_string() } });
        json!({
            "traceId": hex::encode(ids.0),
            "spanId": hex::encode(ids.1),
            "name": name,
            // Internal; and of states 2 is an error, 0 nothing in particular.
            "kind": 1,
            "startTimeUnixNano": ended.saturating_sub(took.as_nanos()).to_string(),
            "endTimeUnixNano": ended.to_string(),
            "attributes": counts.iter().map(attribute).collect::<Vec<_>>(),
            "status": { "code": if failed { 2 } else { 0 } },
        })
    }

    fn send(&self, span: Value) {
        // A collector that is slow loses spans, and nobody waits for it.
        let _ = self.spans.try_send(span);
    }
}

fn drawn() -> ([u8; 16], [u8; 8]) {
    (store::chance::bytes(), store::chance::bytes())
}

/// Tells two observers, the second of which traces.
pub struct TracedDatabase {
    /// Counts.
    pub metrics: Arc<dyn Observer>,
    /// Traces transactions.
    pub tracer: Arc<Tracer>,
}

impl Observer for TracedDatabase {
    fn connected(&self, connected: &Connected) {
        self.metrics.connected(connected);
    }

    fn ended(&self, ended: &Ended) {
        self.metrics.ended(ended);
        self.tracer.part(ended.name, ended.took, ended.failed);
    }

    fn replica_refused(&self) {
        self.metrics.replica_refused();
    }
}

/// Sends what comes until nobody can send any more. That a collector does not answer is said once, until it does.
fn deliver(collector: &Collector, service: &str, queue: &Receiver<Value>) {
    let mut was_refused = false;
    while let Ok(first) = queue.recv() {
        let mut spans = vec![first];
        let gathered = Instant::now() + GATHER;
        while spans.len() < BATCH {
            match queue.recv_timeout(gathered.saturating_duration_since(Instant::now())) {
                Ok(span) => spans.push(span),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        let count = spans.len();
        let sent = post(collector, &envelope(service, spans));
        if let Err(error) = &sent
            && !was_refused
        {
            tracing::warn!(%error, spans.count = count, "the collector does not take traces; they are dropped until it does");
        }
        was_refused = sent.is_err();
    }
}

fn envelope(service: &str, spans: Vec<Value>) -> Value {
    let name = json!({ "key": "service.name", "value": { "stringValue": service } });
    let scope = json!({ "scope": { "name": "pratique" }, "spans": spans });
    json!({ "resourceSpans": [{ "resource": { "attributes": [name] }, "scopeSpans": [scope] }] })
}

fn post(collector: &Collector, body: &Value) -> io::Result<()> {
    let Collector { authority, path } = collector;
    let address = authority.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the host has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut status = String::new();
    BufReader::new(io::Read::take(stream, 256)).read_line(&mut status)?;
    let is_good = status.split(' ').nth(1).is_some_and(|code| code.starts_with('2'));
    if is_good { Ok(()) } else { Err(io::Error::other("it answers with another status than 200")) }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_collector_is_an_address_and_maybe_a_path() {
        let collector: Collector = "http://127.0.0.1:4318".parse().expect("a collector");
        assert_eq!((collector.authority.as_str(), collector.path.as_str()), ("127.0.0.1:4318", "/v1/traces"));
        let other: Collector = "http://[::1]:1/x/y".parse().expect("a collector");
        assert_eq!((other.authority.as_str(), other.path.as_str()), ("[::1]:1", "/x/y"));
        for bad in [
            "",
            "localhost:4318",
            "https://x:1",
            "http://x",
            "http://:1",
            "http://x:y",
            "http://u@x:1",
            "http://x:1/a b",
        ] {
            assert_eq!(bad.parse::<Collector>().expect_err(bad).field, "otlp-endpoint");
        }
    }

    #[test]
    fn a_whole_and_its_parts_arrive_as_one_trace() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let now = Timestamp::from_unix(1_790_000_000);
        let tracer = Tracer::start(url.parse().expect("a collector"), "exporter", now);
        tracer.part("bundles::seal", Duration::from_millis(3), true);
        tracer.whole("pass", Duration::from_millis(5), false, &[("feeds.count", 2)]);
        tracer.part("bundles::seal", Duration::ZERO, false);

        let (mut stream, _) = listener.accept().expect("it comes");
        let mut text = String::new();
        while !text.contains("]}]}]}") {
            let mut bytes = [0; 4_096];
            let read = stream.read(&mut bytes).expect("it sends");
            assert!(read > 0, "{text}");
            text.push_str(std::str::from_utf8(&bytes[..read]).expect("text"));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").expect("answered");
        assert!(text.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{text}");
        let body = text.split_once("\r\n\r\n").expect("a body").1;
        let body: Value = serde_json::from_str(body).expect("JSON");
        let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans");
        assert_eq!((spans.len(), &spans[0]["name"], &spans[1]["name"]), (3, &json!("bundles::seal"), &json!("pass")));
        assert_eq!((&spans[0]["traceId"], &spans[0]["parentSpanId"]), (&spans[1]["traceId"], &spans[1]["spanId"]));
        assert_ne!(spans[2]["traceId"], spans[1]["traceId"], "another one begins");
        assert_eq!((&spans[0]["status"]["code"], &spans[1]["status"]["code"]), (&json!(2), &json!(0)));
        assert_eq!(spans[1]["attributes"][0], json!({ "key": "feeds.count", "value": { "intValue": "2" } }));
        let nanos = |name: &str| spans[1][name].as_str().expect("text").parse::<u128>().expect("a number");
        assert_eq!(nanos("endTimeUnixNano") - nanos("startTimeUnixNano"), 5_000_000);
    }
}
