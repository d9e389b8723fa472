//! How a service is reached: directly, or through a relay.

use proto::api::padding::Padded;
use proto::api::verification::VerifyRequest;
use reqwest::header::HeaderValue;

use crate::base_url::BaseUrl;
use crate::error::ClientError;
use crate::http::{Credential, Http, Sender};
use crate::relay::{Relay, Sealed};

/// A service, and the way to it.
#[derive(Clone)]
pub(crate) struct Way {
    http: Http,
    base: BaseUrl,
    relay: Option<Relay>,
}

impl Way {
    /// Directly to the service at `base`.
    pub(crate) const fn new(http: Http, base: BaseUrl) -> Self {
        Self { http, base, relay: None }
    }

    /// The same through a relay.
    pub(crate) fn through(self, relay: Relay) -> Self {
        Self { relay: Some(relay), ..self }
    }

    /// Posts a message to a route, whose path has no leading slash, and reads the answer if it is a good one.
    pub(crate) async fn post<M: Padded + Clone>(
        &self,
        path: &str,
        credential: Option<Credential<'_>>,
        message: M,
    ) -> Result<Vec<u8>, ClientError> {
        self.send(path, Sender { credential, is_chaff: false }, message).await
    }

    /// Posts nothing to a route, in a request and for an answer that look like any other.
    pub(crate) async fn chaff(&self, path: &str, api_key: Option<&HeaderValue>) -> Result<(), ClientError> {
        // Any message will do: it is filled up to the length that all requests have.
        let nothing = VerifyRequest::default();
        self.send(path, Sender { credential: api_key.map(|key| ("x-api-key", key)), is_chaff: true }, nothing)
            .await
            .map(drop)
    }

    async fn send<M: Padded + Clone>(&self, path: &str, from: Sender<'_>, message: M) -> Result<Vec<u8>, ClientError> {
        match &self.relay {
            Some(relay) => relay.post(&self.http, Sealed { base: &self.base, path, from }, message).await,
            None => self.http.post(self.base.at(path), from, message).await,
        }
    }
}
