//! `GET /jwks/{authority}`, for key servers: the public keys that check an authority's certificates.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{Data, Path};
use serde_json::json;

use crate::problem::Problem;
use crate::state::State;

/// All live keys as a JWK set (RFC 7517, section 5), the newest first.
pub(crate) async fn jwks(state: Data<State>, authority: Path<String>) -> Result<HttpResponse, Problem> {
    let authority = authority.to_ascii_lowercase();
    let keys = state.store().issuer_keys(&authority, state.now()).await?.ok_or(Problem::NO_SUCH_AUTHORITY)?;
    let keys: Vec<_> = keys.iter().map(|key| key.key.to_jwk()).collect();
    let cached = (CACHE_CONTROL, "public, max-age=300");
    let body = json!({ "keys": keys }).to_string();
    Ok(HttpResponse::Ok().content_type(ContentType::json()).insert_header(cached).body(body))
}
