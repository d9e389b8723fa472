//! Who asks for numbers? The authority that signed the token in the header, and nobody else.

use std::future::{Ready, ready};

use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, dev};
use proto::Timestamp;
use proto::certificate::{Disbelief, Expected, UnverifiedStatsToken};
use store::{Authority, KeyStore};

use crate::problem::Problem;

/// The `aud` of stats tokens that are meant for us, unless the operator says otherwise.
pub const DEFAULT_STATS_AUDIENCE: &str = "pratique-stats";

/// What stands behind `Bearer` in the header `Authorization` (RFC 6750, section 2.1), if there is one. Whoever sends none is refused once the body is
/// read: were it left unread, the connection would have to be closed.
pub(crate) struct Bearer(Option<String>);

impl FromRequest for Bearer {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut dev::Payload) -> Self::Future {
        ready(Ok(Self(read(request))))
    }
}

fn read(request: &HttpRequest) -> Option<String> {
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' ').to_owned())
}

/// The authority whose key signed the token. It is selected by the token's own word and believed by its signature: algorithm and issuer are ours to know,
/// and the audience is another than that of certificates.
///
/// # Errors
/// [`Problem::Unauthorized`], and [`Problem::Internal`] if the store fails.
pub(crate) async fn believe(
    store: &dyn KeyStore,
    Bearer(token): &Bearer,
    audience: &str,
    now: Timestamp,
) -> Result<Authority, Problem> {
    let token = token.as_deref().ok_or(Disbelief::Malformed).and_then(UnverifiedStatsToken::parse);
    let token = token.map_err(Problem::Unauthorized)?;
    let mut reason = Disbelief::Issuer;
    for authority in store.authorities().await?.into_iter().filter(|known| known.issuer == token.issuer()) {
        reason = Disbelief::Signature;
        let expected = Expected { issuer: &authority.issuer, audience, now };
        for key in authority.keys.iter().filter(|key| key.kid == token.kid()) {
            match token.verify(&key.key, &expected) {
                Ok(_) => return Ok(authority),
                Err(disbelief) => reason = disbelief,
            }
        }
    }
    Err(Problem::Unauthorized(reason))
}
