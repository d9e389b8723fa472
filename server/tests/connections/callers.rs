//! Who calls: phones, and those who hold connections.

use std::net::SocketAddr;
use std::time::Duration;

use proto::ReportType::Confirmed;
use store::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::authority::NORTH;
use crate::phone;

/// Longer than any wait that is to be expected, on however slow a machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A reply: its status, and in how many seconds to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) retry_after: u32,
}

/// Connects from one of several addresses of this machine, each of which has ports of its own.
pub(crate) async fn connect(to: SocketAddr, number: usize) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let [.., host] = (number % 8 + 1).to_be_bytes();
    socket.bind(SocketAddr::from(([127, 0, 0, host], 0)))?;
    socket.connect(to).await
}

/// The upload of a person in a network of this number, as a proxy hands it on.
pub(crate) fn upload(person: usize) -> Vec<u8> {
    let now = Clock::system().now();
    let mut keys = phone::keys(now, 1, 3);
    for (day, key) in keys.iter_mut().enumerate() {
        key.key = proto::api::base64::encode(&[&person.to_be_bytes()[..], &day.to_be_bytes()].concat());
    }
    let certificate = NORTH.certify(phone::commit(&keys), Confirmed, now);
    let body = serde_json::to_vec(&phone::upload(keys, &NORTH, certificate)).expect("JSON");
    let [.., high, low] = person.to_be_bytes();
    let head = format!(
        "POST /v1/publish HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.{high}.{low}.1\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// Sends a request and reads the reply to its end.
pub(crate) async fn exchange(to: SocketAddr, number: usize, request: &[u8]) -> std::io::Result<Said> {
    let mut stream = connect(to, number).await?;
    stream.write_all(request).await?;
    let mut reply = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut reply)).await??;
    let text = String::from_utf8_lossy(&reply);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let retry_after = text.split("retry-after: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let said = status.zip(retry_after).map(|(status, retry_after)| Said { status, retry_after });
    said.ok_or_else(|| std::io::Error::other(format!("no reply: {text:?}")))
}

/// Connects, however often it takes.
async fn reach(to: SocketAddr, number: usize) -> TcpStream {
    loop {
        match connect(to, number).await {
            Ok(stream) => return stream,
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Says nothing, or nothing after its first answer, and comes again whenever it is hung up on.
pub(crate) async fn idle(to: SocketAddr, number: usize) {
    loop {
        let mut stream = reach(to, number).await;
        if number.is_multiple_of(20) {
            let _ = stream.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n").await;
        }
        until_hung_up(&mut stream).await;
    }
}

/// Sends the head of a request, or its body, byte by byte.
pub(crate) async fn drip(to: SocketAddr, number: usize) {
    let head =
        "POST /v1/publish HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.2\r\nContent-Type: application/json\r\n";
    let whole = format!("{head}Content-Length: 16000\r\n\r\n{{");
    loop {
        let mut stream = reach(to, number).await;
        let begun = if number.is_multiple_of(2) { head } else { &whole };
        let mut sent = stream.write_all(begun.as_bytes()).await;
        while sent.is_ok() {
            sleep(Duration::from_secs(1)).await;
            sent = stream.write_all(b"X").await;
        }
    }
}

/// Asks again and again and reads no answer.
pub(crate) async fn ignore(to: SocketAddr, number: usize) {
    let request = b"GET /x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.3\r\n\r\n";
    loop {
        let mut stream = reach(to, number).await;
        while stream.write_all(request).await.is_ok() {
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Reads whatever comes until the other side ends it.
pub(crate) async fn until_hung_up(stream: &mut TcpStream) {
    let mut bytes = [0; 512];
    while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
}
