//! Asking a provider over HTTP: no redirects, no proxy, nothing read from the environment, bounded time and bounded replies.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proto::Malformed;
use reqwest::{Client, RequestBuilder, StatusCode, Url, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::contract::Attempt;
use super::delivered::Delivery;
use super::fields::Fields;
use super::troubles::Trouble;

/// The longest reply that is read, in bytes; providers say what they have to say in fewer.
const MAX_REPLY: usize = 64 * 1_024;
/// How long the whole of a request may take unless the settings say otherwise, in seconds.
const TIMEOUT: u32 = 10;

/// Where a provider is, and how to talk to it.
pub(super) struct OutgoingSettings {
    pub(super) url: Url,
    timeout: Duration,
    /// The authority behind the provider's certificate, if it is not one that everybody trusts.
    pub(super) ca_file: Option<PathBuf>,
}

/// A provider that can be asked.
pub(super) struct Outgoing {
    client: Client,
    pub(super) url: Url,
}

/// What it answered.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// At most 64 KiB of it.
    pub(super) body: Vec<u8>,
}

impl OutgoingSettings {
    /// Reads `sender.url`, `sender.timeout_seconds`, `sender.ca_file` and `sender.allow_http`.
    pub(super) fn parse(fields: &mut Fields, url: Option<&str>) -> Result<Self, Malformed> {
        let refused = |reason| Malformed::new("sender.url", reason);
        let given = fields.text("sender.url")?;
        let url = given.as_deref().or(url).ok_or_else(|| refused("is missing"))?;
        let url = Url::parse(url).map_err(|_| refused("is no URL"))?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(refused("must have no credentials and no fragment"));
        }
        // Codes and numbers would be there to read for everybody on the way.
        let in_the_clear = fields.flag("sender.allow_http")? || is_loopback(&url);
        if url.scheme() != "https" && !(url.scheme() == "http" && in_the_clear) {
            return Err(refused(
                "must begin with https://; http:// is for loopback addresses, or needs allow_http = true",
            ));
        }
        let seconds = fields.number("sender.timeout_seconds", 1..=60)?.unwrap_or(TIMEOUT);
        let ca_file = fields.text("sender.ca_file")?.map(PathBuf::from);
        Ok(Self { url, timeout: Duration::from_secs(seconds.into()), ca_file })
    }
}

impl Outgoing {
    /// Prepares connections. `ca` is the content of the settings' `ca_file`.
    pub(super) fn open(settings: &OutgoingSettings, ca: Option<&[u8]>) -> Result<Self, Malformed> {
        let failed = || Malformed::new("sender.ca_file", "TLS cannot be set up with it");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| failed())?
            .with_root_certificates(roots(ca)?)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .timeout(settings.timeout)
            .build()
            .map_err(|_| failed())?;
        Ok(Self { client, url: settings.url.clone() })
    }

    /// Posts what `prepare` makes of an empty request; none if there was no answer in time. The error is not looked at: it may name the URL.
    pub(super) async fn post(&self, prepare: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Option<Reply> {
        let mut response = prepare(self.client.post(self.url.clone())).send().await.ok()?;
        let (status, mut body) = (response.status(), Vec::new());
        while let Ok(Some(chunk)) = response.chunk().await {
            if body.len() + chunk.len() > MAX_REPLY {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Some(Reply { status, body })
    }
}

impl Reply {
    /// What a status means unless the provider has its own customs. 408, 425 and 429 say "later", and 409 that the message stands in
    /// the way of itself: it was sent before, or is being sent. What is neither success nor the sender's fault, redirects included, says
    /// nothing about the message.
    pub(super) fn verdict(&self) -> Delivery {
        let later =
            [StatusCode::REQUEST_TIMEOUT, StatusCode::CONFLICT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
        match self.status {
            status if status.is_success() => Delivery::Delivered,
            status if status.is_client_error() && !later.contains(&status) => Delivery::Refused,
            _ => Delivery::Unknown,
        }
    }
}

/// What a reply, or that there is none, means for the message, and for the operator, without a word of the message.
pub(super) fn judge(reply: Option<&Reply>, verdict: Delivery) -> Attempt {
    let trouble = match (reply, verdict) {
        (_, Delivery::Delivered) => return Attempt::DELIVERED,
        (Some(reply), _) => Trouble::NotTaken(reply.status.as_u16(), verdict),
        (None, _) => Trouble::Silence,
    };
    Attempt { delivery: verdict, trouble: Some((trouble, String::new())) }
}

fn roots(ca: Option<&[u8]>) -> Result<rustls::RootCertStore, Malformed> {
    let Some(pem) = ca else {
        return Ok(rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let refused = || Malformed::new("sender.ca_file", "must hold certificates as PEM");
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|_| refused())?).map_err(|_| refused())?;
    }
    if roots.is_empty() { Err(refused()) } else { Ok(roots) }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}
