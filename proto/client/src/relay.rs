//! The way through a relay: who sees the phone's address sees no request, and who sees the request sees no address (RFC 9458).

use proto::Malformed;
use proto::api::CHAFF_HEADER;
use proto::api::padding::{Padded, to_padded_json};
use proto::ohttp::{
    InnerReply, InnerRequest, KeyConfig, REQUEST_MEDIA_TYPE, RESPONSE_MEDIA_TYPE, decode_keys, seal_request,
};
use rand_core::CryptoRng;
use reqwest::StatusCode;

use crate::base_url::BaseUrl;
use crate::error::ClientError;
use crate::http::{Answer, Get, Http, REQUEST_BYTES, Sender};
use crate::refusal::refused;

/// The longest list of keys that is read, in bytes.
const MAX_KEYS: u64 = 16 * 1_024;

/// A relay to one service, and the service's key. Requests through it are sealed, each under a secret of its own.
///
/// A refusal with the code `ohttp-key` says that the key is not in use any more: fetch the keys again, and repeat the call.
#[derive(Clone)]
pub struct Relay {
    url: BaseUrl,
    key: KeyConfig,
    chance: fn() -> Box<dyn CryptoRng>,
}

/// One request on its way through a relay.
pub(crate) struct Sealed<'a> {
    /// Where the service stands.
    pub(crate) base: &'a BaseUrl,
    /// The path of a route, without its leading slash.
    pub(crate) path: &'a str,
    pub(crate) from: Sender<'a>,
}

impl Relay {
    /// The relay that stands at `url` and carries what it is given to the gateway with these keys, as they were published
    /// (`application/ohttp-keys`). `chance` is a cryptographically secure source of randomness.
    ///
    /// With `listed`, the hashes that are known of the service from elsewhere, none but a key of these is used: a key that was made for one
    /// phone alone would tell its requests from all others.
    ///
    /// # Errors
    /// [`ClientError::Malformed`] if there is no such key, or none that we know how to use.
    pub fn new(
        url: BaseUrl,
        keys: &[u8],
        listed: Option<&[[u8; 32]]>,
        chance: fn() -> Box<dyn CryptoRng>,
    ) -> Result<Self, ClientError> {
        let is_listed = |key: &KeyConfig| listed.is_none_or(|listed| listed.contains(&key.sha256()));
        let key = decode_keys(keys)?.into_iter().find(is_listed);
        let key = key.ok_or_else(|| Malformed::new("ohttp-keys", "has no key that is listed and known here"))?;
        Ok(Self { url, key, chance })
    }

    /// Posts a message, padded to [`REQUEST_BYTES`] or the next multiple before it is sealed, and reads the answer if it is a good one.
    pub(crate) async fn post<M: Padded>(
        &self,
        http: &Http,
        to: Sealed<'_>,
        message: M,
    ) -> Result<Vec<u8>, ClientError> {
        let mut headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
        headers.extend(to.from.credential.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())));
        headers.extend(to.from.is_chaff.then(|| (CHAFF_HEADER.to_ascii_lowercase(), b"1".to_vec())));
        let (method, path, body) = ("POST".to_owned(), format!("/{}", to.path), to_padded_json(message, 0));
        let inner = InnerRequest { method, path, headers, body }.encode(to.base.authority(), REQUEST_BYTES);
        let (envelope, opener) = seal_request(&self.key, &inner, &mut (self.chance)())?;
        let types = (REQUEST_MEDIA_TYPE, RESPONSE_MEDIA_TYPE);
        let reply = opener.open(&http.post_bytes(self.url.itself(), types, envelope).await?)?;
        let InnerReply { status, headers, body } = InnerReply::decode(&reply)?;
        match StatusCode::from_u16(status) {
            Ok(StatusCode::OK) => Ok(body),
            status => {
                let status = status.map_err(|_| Malformed::new("status", "is none of HTTP"))?;
                let retry_after = headers.iter().find(|(name, _)| name == "retry-after");
                let retry_after = retry_after.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok());
                Err(refused(status, retry_after, &body))
            }
        }
    }
}

impl Http {
    /// `GET /ohttp-keys` of the service at `base`, to be given to [`Relay::new`]. Whoever is asked sees the phone's address, though not what
    /// for: a copy on the CDN, or one that the relay has, tells the service nothing at all.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn ohttp_keys(&self, base: &BaseUrl) -> Result<Vec<u8>, ClientError> {
        let get = Get { url: base.at("ohttp-keys"), etag: None, what: "the list of keys", limit: MAX_KEYS };
        match self.get(get).await? {
            Answer::Body { bytes, .. } => Ok(bytes),
            Answer::Unchanged => {
                Err(Malformed::new("ohttp-keys", "answered 304 to a request without an entity tag").into())
            }
        }
    }
}
