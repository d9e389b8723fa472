//! Fetching a set over HTTP: no redirects, no proxy, nothing read from the environment, bounded time and a bounded reply.

use std::sync::Arc;
use std::time::Duration;

use proto::Malformed;
use proto::certificate::{MAX_KEY_SET, read_key_set};
use reqwest::{Client, StatusCode, redirect};
use store::AuthorityKey;

/// How long the whole of a fetch may take. Far shorter than the time for which a server has a set to itself.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a set was not fetched. For operators; nothing of the reply is in it.
#[derive(Debug, thiserror::Error)]
pub enum Unfetched {
    /// Nobody answered, or not as the URL says.
    #[error("there was no answer within 10 s, or none over a connection that can be trusted")]
    NoAnswer,
    /// Somebody answered, but with no set. Redirects are not followed: they would make it somebody else's set.
    #[error("the answer had status {0}")]
    Status(u16),
    /// What was answered is no set, or none with keys of use.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The HTTP client could not be made.
    #[error("TLS cannot be set up")]
    NoClient,
}

/// Fetches sets.
pub(crate) struct Fetcher {
    client: Option<Client>,
}

impl Fetcher {
    /// Prepares connections.
    pub(crate) fn new() -> Self {
        Self { client: client() }
    }

    /// Fetches and reads a set.
    ///
    /// # Errors
    /// [`Unfetched`].
    pub(crate) async fn fetch(&self, url: &str) -> Result<Vec<AuthorityKey>, Unfetched> {
        let client = self.client.as_ref().ok_or(Unfetched::NoClient)?;
        let mut reply = client.get(url).send().await.map_err(|_| Unfetched::NoAnswer)?;
        if reply.status() != StatusCode::OK {
            return Err(Unfetched::Status(reply.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await.map_err(|_| Unfetched::NoAnswer)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_KEY_SET {
                break;
            }
        }
        // One byte too many is refused there, so that a set is never cut short.
        let keys = read_key_set(&body)?;
        Ok(keys.into_iter().map(|published| AuthorityKey { kid: published.kid, key: published.key }).collect())
    }
}

fn client() -> Option<Client> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let tls = tls.with_root_certificates(roots).with_no_client_auth();
    let client = Client::builder().tls_backend_preconfigured(tls).redirect(redirect::Policy::none()).no_proxy();
    client.http1_only().timeout(TIMEOUT).build().ok()
}
