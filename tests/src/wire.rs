//! HTTP/1.1 byte by byte, for tests that must see exactly what travels: one request a connection, the whole reply as it came.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request that a test writes itself.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `POST` ...
    pub method: &'static str,
    /// From the slash on.
    pub path: String,
    /// Beside `Host`, `Connection` and `Content-Length`, which are always sent.
    pub headers: Vec<(&'static str, String)>,
    /// Nothing for GET.
    pub body: Vec<u8>,
}

/// A reply as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200, 400 ...
    pub status: u16,
    /// Sorted, names in lower case: the web framework draws their order anew for each reply, so it tells nothing.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

impl Request {
    /// A POST of JSON.
    pub fn post_json(path: &str, body: Vec<u8>) -> Self {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Self { method: "POST", path: path.to_owned(), headers, body }
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self { method: "GET", path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Sends the request and reads the reply to its end.
    ///
    /// # Errors
    /// If nobody answers, or what comes back is not HTTP/1.1.
    pub async fn send(self, to: SocketAddr) -> anyhow::Result<Reply> {
        let mut stream = TcpStream::connect(to).await.context("connect")?;
        stream.write_all(&self.to_bytes(to)).await.context("send")?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.context("receive")?;
        Reply::parse(&bytes)
    }

    /// The bytes that [`send`](Self::send) sends.
    pub fn to_bytes(&self, to: SocketAddr) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        [head.as_bytes(), &self.body].concat()
    }
}

impl Reply {
    /// Splits the bytes of a whole reply.
    ///
    /// # Errors
    /// If they are none.
    pub fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").context("no end of the header")?;
        let head = std::str::from_utf8(&bytes[..end])?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?.parse()?;
        let mut headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        headers.sort();
        if headers.iter().any(|(name, _)| name == "transfer-encoding") {
            bail!("a chunked reply: its length is not fixed");
        }
        Ok(Self { status, headers, body: bytes[end + 4..].to_vec() })
    }

    /// The value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The names of the headers, sorted.
    pub fn header_names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If it is none of this shape.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> anyhow::Result<T> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// The body as text, without the padding at its end.
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        let body = body.split_once("\"padding\"").map_or(&*body, |(said, _)| said);
        write!(f, "{} {:?} {} bytes: {body}", self.status, self.headers, self.body.len())
    }
}
