//! A service that is told to stop says so first, finishes what was under way, and keeps what it answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use proto::api::base64;
use serde_json::{Value, json};

use crate::http;
use crate::program::{Served, program, set_up};

/// How many people's requests are under way when the service is told to stop.
const PEOPLE: u8 = 8;
/// However slow the machine is, it is done by then.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn no_claim_under_way_is_cut_off_or_lost_when_the_service_is_told_to_stop() {
    let dir = tempfile::tempdir().expect("a directory");
    let [admin, device] = set_up(dir.path());
    let mut command = program(dir.path());
    command.env("VERIFICATION_DRAIN_SECONDS", "60");
    let mut served = Served::spawn(command);
    let address = served.address;
    let claims: Vec<Value> = (0..=PEOPLE).map(|person| claim(address, &admin, person)).collect();
    let (late, early) = claims.split_last().expect("some");
    let under_way: Vec<UnderWay> = early.iter().map(|claim| UnderWay::begin(address, &device, claim)).collect();
    let ask = |path| http::get(address, path).status;
    assert_eq!([ask("/readyz"), ask("/healthz")], [200, 200]);

    served.signal("-TERM");
    until(|| ask("/readyz") == 503);
    assert_eq!([ask("/healthz"), ask("/health")], [200, 200], "it works as before");
    let mut tokens = vec![http::post(address, "/api/verify", &device, late).text("token")];

    // Nobody waits for the rest of the minute: another signal ends it.
    served.signal("-TERM");
    until(|| TcpStream::connect(address).is_err());
    tokens.extend(under_way.into_iter().map(UnderWay::end));
    assert_eq!(served.ended(), Some(0));

    // Whoever asks again with the same nonce gets the token that was given out: it was stored, and the code used up.
    let served = Served::start(dir.path());
    for (claim, token) in [late].into_iter().chain(early).zip(tokens) {
        assert_eq!(http::post(served.address, "/api/verify", &device, claim).text("token"), token);
        let stolen = json!({ "code": claim["code"], "nonce": base64::encode(&[255; 16]) });
        assert_ne!(http::post(served.address, "/api/verify", &device, &stolen).status, 200);
    }
}

/// What a phone sends for a code of its own. It is long enough that nobody takes a pause in it for dawdling, however long the machine stands still.
fn claim(address: SocketAddr, admin: &str, person: u8) -> Value {
    let code = http::post(address, "/api/issue", admin, &json!({ "testType": "likely" })).text("code");
    json!({ "code": code, "nonce": base64::encode(&[person; 16]), "padding": "x".repeat(24_000) })
}

/// A claim of which the service has the head and all but the last bytes of the body.
struct UnderWay {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl UnderWay {
    fn begin(address: SocketAddr, device: &str, claim: &Value) -> Self {
        let body = claim.to_string().into_bytes();
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let head = format!(
            "POST /api/verify HTTP/1.1\r\nHost: x\r\nX-API-Key: {device}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        // The service asks for the body: the request is under way.
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).expect("an interim reply");
        assert!(interim.starts_with(b"HTTP/1.1 100 Continue"));
        let (first, rest) = body.split_at(body.len() - 10);
        stream.write_all(first).expect("sent");
        Self { stream, rest: rest.to_vec() }
    }

    /// Sends the rest; the token that the service answers with.
    fn end(mut self) -> String {
        self.stream.write_all(&self.rest).expect("sent");
        let mut reply = String::new();
        self.stream.read_to_string(&mut reply).expect("a whole reply");
        let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200"), "it was under way: {head}");
        let body: Value = serde_json::from_str(body).expect("JSON");
        body["token"].as_str().expect("a token").to_owned()
    }
}

fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it never comes");
        std::thread::sleep(Duration::from_millis(10));
    }
}
