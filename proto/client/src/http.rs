//! HTTP/1.1 as a phone should speak it: padded requests, bounded replies, no redirects, no proxy, nothing read from the environment.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proto::Malformed;
use proto::api::CHAFF_HEADER;
use proto::api::padding::{Padded, to_padded_json};
use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, RETRY_AFTER};
use reqwest::{Method, Request, Response, StatusCode, Url, redirect};

use crate::error::ClientError;
use crate::refusal::refused;
use crate::wire_size::{answer_header_bytes, header_bytes};

/// The size of every request that carries a body, header and body together: 16 KiB, or the next multiple if the content needs more.
pub const REQUEST_BYTES: usize = 16 * 1_024;
/// The longest reply to a request with a body that is read; the services answer with 4,096 bytes.
const MAX_REPLY: u64 = 64 * 1_024;
/// How long a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the other side may be silent.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How much has travelled through an [`Http`], headers included (in their HTTP/1.1 form; TLS and TCP come on top).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that were answered.
    pub requests: u64,
    /// Bytes of these requests.
    pub sent: u64,
    /// Bytes of the answers.
    pub received: u64,
}

#[derive(Default)]
struct Meter {
    requests: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

/// What a reverse proxy says of whom it speaks for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// A connection pool. Clones share it and its meter.
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    meter: Arc<Meter>,
    forwarded_for: Option<HeaderValue>,
}

/// What a conditional GET brings.
pub(crate) enum Answer {
    /// 304: what the phone has is current.
    Unchanged,
    /// 200.
    Body { etag: Option<String>, bytes: Vec<u8> },
}

/// The one header that says why a message may be answered, be it an app's key or a proof of work: its name in lower case, and what it holds.
pub(crate) type Credential<'a> = (&'static str, &'a HeaderValue);

/// What a request says of its sender.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    /// Why it may be answered.
    pub(crate) credential: Option<Credential<'a>>,
    /// That it says nothing.
    pub(crate) is_chaff: bool,
}

/// What is to be read, and how much of it at most.
pub(crate) struct Get<'a> {
    pub(crate) url: Url,
    /// The entity tag of what the phone has.
    pub(crate) etag: Option<&'a str>,
    /// What the errors call it.
    pub(crate) what: &'static str,
    /// In bytes.
    pub(crate) limit: u64,
}

impl Http {
    /// Opens a pool. TLS is rustls over ring with the Mozilla roots, chosen here and not by a process-wide default.
    ///
    /// # Errors
    /// [`ClientError::Setting`] if TLS cannot be set up.
    pub fn new() -> Result<Self, ClientError> {
        let failed = || ClientError::Setting(Malformed::new("TLS", "cannot be set up"));
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| failed())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // A redirect would carry an API key or a certificate to another host, so none is followed.
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(|_| failed())?;
        Ok(Self { client, meter: Arc::default(), forwarded_for: None })
    }

    /// The same pool with a meter of its own, for a program that stands for many phones as a reverse proxy does: every request says that it comes from
    /// this address, in `X-Forwarded-For`. Only services that were told of a proxy look at it; a phone has no use for it.
    #[must_use]
    pub fn on_behalf_of(&self, address: IpAddr) -> Self {
        let address = HeaderValue::from_str(&address.to_string()).expect("an address is written in printable ASCII");
        Self { client: self.client.clone(), meter: Arc::default(), forwarded_for: Some(address) }
    }

    /// The pool itself, for requests that are not a phone's. They are neither padded nor measured.
    pub const fn pool(&self) -> &reqwest::Client {
        &self.client
    }

    /// What has travelled so far.
    pub fn traffic(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            requests: read(&self.meter.requests),
            sent: read(&self.meter.sent),
            received: read(&self.meter.received),
        }
    }

    /// Posts a message, padded to [`REQUEST_BYTES`] header included, and reads the answer if it is a good one.
    pub(crate) async fn post<M: Padded + Clone>(
        &self,
        url: Url,
        from: Sender<'_>,
        message: M,
    ) -> Result<Vec<u8>, ClientError> {
        let mut request = self.request(Method::POST, url);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = from.credential {
            request.headers_mut().insert(HeaderName::from_static(name), value.clone());
        }
        if from.is_chaff {
            request.headers_mut().insert(CHAFF_HEADER, HeaderValue::from_static("1"));
        }
        // `content-length` is added later, by the HTTP stack: five digits, since bodies lie between 10,000 and 99,999 bytes.
        let header = header_bytes(&request) + "content-length: 12345\r\n".len();
        let bare = to_padded_json(message.clone(), 0).len();
        let total = (header + bare).next_multiple_of(REQUEST_BYTES);
        let body = to_padded_json(message, total - header);
        request.body_mut().replace(body.into());
        let response = self.send(request, total).await?;
        match response.status() {
            StatusCode::OK => self.read(response, "the reply", MAX_REPLY).await,
            _ => Err(self.refusal(response).await),
        }
    }

    /// Reads an object, unless it is still the one with `etag`.
    pub(crate) async fn get(&self, get: Get<'_>) -> Result<Answer, ClientError> {
        let mut request = self.request(Method::GET, get.url);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("*/*"));
        if let Some(etag) = get.etag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
            request.headers_mut().insert(IF_NONE_MATCH, etag);
        }
        let total = header_bytes(&request);
        let response = self.send(request, total).await?;
        match response.status() {
            StatusCode::NOT_MODIFIED if get.etag.is_some() => Ok(Answer::Unchanged),
            StatusCode::OK => {
                let etag = text_of(response.headers(), &ETAG);
                let bytes = self.read(response, get.what, get.limit).await?;
                Ok(Answer::Body { etag, bytes })
            }
            _ => Err(self.refusal(response).await),
        }
    }

    /// Posts bytes, and reads the answer if it is a good one.
    pub(crate) async fn post_bytes(
        &self,
        url: Url,
        (body_type, answer_type): (&'static str, &'static str),
        body: Vec<u8>,
    ) -> Result<Vec<u8>, ClientError> {
        let mut request = self.request(Method::POST, url);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(body_type));
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(answer_type));
        let length = format!("content-length: {}\r\n", body.len()).len();
        let total = header_bytes(&request) + length + body.len();
        request.body_mut().replace(body.into());
        let response = self.send(request, total).await?;
        match response.status() {
            StatusCode::OK => self.read(response, "the reply", MAX_REPLY).await,
            _ => Err(self.refusal(response).await),
        }
    }

    fn request(&self, method: Method, url: Url) -> Request {
        let mut request = Request::new(method, url);
        let address = self.forwarded_for.iter().cloned();
        request.headers_mut().extend(address.map(|address| (HeaderName::from_static(FORWARDED_FOR), address)));
        request
    }

    async fn send(&self, request: Request, total: usize) -> Result<Response, ClientError> {
        let response = self.client.execute(request).await.map_err(unreachable)?;
        self.meter.requests.fetch_add(1, Ordering::Relaxed);
        self.meter.sent.fetch_add(total as u64, Ordering::Relaxed);
        self.meter.received.fetch_add(answer_header_bytes(&response) as u64, Ordering::Relaxed);
        Ok(response)
    }

    /// Reads a body on the stream, so that no more than `limit` bytes are ever held, whatever `content-length` says.
    async fn read(&self, mut response: Response, what: &'static str, limit: u64) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            self.meter.received.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            if bytes.len() as u64 + chunk.len() as u64 > limit {
                return Err(ClientError::TooLarge { what, limit });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// What any other status means for the caller.
    async fn refusal(&self, response: Response) -> ClientError {
        let status = response.status();
        let retry_after = text_of(response.headers(), &RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let body = self.read(response, "the reply", MAX_REPLY).await.unwrap_or_default();
        refused(status, retry_after, &body)
    }
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn unreachable(error: reqwest::Error) -> ClientError {
    let reason = match () {
        () if error.is_timeout() => "timed out",
        () if error.is_connect() => "cannot connect",
        () => "the connection broke off",
    };
    ClientError::Unreachable(reason.to_owned())
}
