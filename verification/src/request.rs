//! Reading a request: who calls, and what they want.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpRequest, dev};
use futures_util::StreamExt;
use proto::api::parse_body;
use proto::api::verification::{API_KEY_HEADER, MAX_BODY};
use serde::de::DeserializeOwned;
use store::{ApiKeyKind, Issuer};

use crate::api_key;
use crate::problem::Problem;
use crate::state::State;

/// A body that is too long is read on and thrown away up to this many bytes, so that its sender, who may listen only when it has said
/// everything, hears why it is refused.
const MAX_DISCARDED: usize = 1_048_576;
/// No API key is longer, in bytes.
const MAX_KEY: usize = 256;

/// A request of an authority's app or staff: the key is of the kind that the route is for, the body is of the shape that it takes.
pub(crate) struct Call<K, T> {
    /// Whose key it is.
    pub(crate) issuer: Issuer,
    /// What they want.
    pub(crate) body: T,
    kind: PhantomData<K>,
}

/// A kind of caller.
pub(crate) trait Caller: 'static {
    /// Which API key it has. No other will do, however mighty.
    const KIND: ApiKeyKind;
}

/// An app.
pub(crate) struct Device;

impl Caller for Device {
    const KIND: ApiKeyKind = ApiKeyKind::Device;
}

/// The authority's staff and tools.
pub(crate) struct Admin;

impl Caller for Admin {
    const KIND: ApiKeyKind = ApiKeyKind::Admin;
}

impl<K: Caller, T: DeserializeOwned + 'static> FromRequest for Call<K, T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            // The body is read first and judged last: strangers learn nothing about it, and nobody is cut off while still talking.
            let bytes = read(payload).await;
            let issuer = believe(&request, K::KIND).await?;
            let bytes = bytes?;
            if !is_json(&request) {
                return Err(Problem::NOT_JSON);
            }
            Ok(Self { issuer, body: parse_body(&bytes)?, kind: PhantomData })
        })
    }
}

/// Whose API key it is. Unknown, revoked and of another kind are one refusal.
async fn believe(request: &HttpRequest, kind: ApiKeyKind) -> Result<Issuer, Problem> {
    let state = request.app_data::<Data<State>>().ok_or(Problem::INTERNAL)?;
    let key = request.headers().get(API_KEY_HEADER).and_then(|value| value.to_str().ok());
    let key = key.filter(|key| key.len() <= MAX_KEY).ok_or(Problem::UNAUTHORIZED)?;
    let grant = state.store().api_key(api_key::digest(key), state.now()).await?;
    let grant = grant.filter(|grant| grant.kind == kind).ok_or(Problem::UNAUTHORIZED)?;
    Ok(grant.issuer)
}

/// Reads at most [`MAX_BODY`] bytes. The limit counts what arrives: a chunked body has no Content-Length to believe.
async fn read(mut payload: dev::Payload) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    let mut length = 0;
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::unparsable("body", "ended early"))?;
        length += chunk.len();
        if length <= MAX_BODY {
            body.extend_from_slice(&chunk);
        } else if length > MAX_DISCARDED {
            break;
        }
    }
    if length <= MAX_BODY { Ok(body.freeze()) } else { Err(Problem::TOO_LARGE) }
}

/// Whether the request says that its body is JSON. Parameters, such as a character set, say nothing that JSON does not fix.
fn is_json(request: &HttpRequest) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}
