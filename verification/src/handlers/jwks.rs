//! `GET /jwks/{authority}`, for key servers: the public keys that check an authority's certificates.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{Data, Path};
use serde_json::json;

use crate::problem::Problem;
use crate::state::State;

/// All live keys as a JWK set (RFC 7517, section 5), the newest first: those that wait for their turn, too, so that they are known before
/// they sign, and those that sign no more while what they signed is believed. A disabled authority's keys stay.
pub(crate) async fn jwks(state: Data<State>, authority: Path<String>) -> Result<HttpResponse, Problem> {
    let authority = authority.to_ascii_lowercase();
    let keys = state.store().issuer_keys(&authority, state.now()).await?.ok_or(Problem::NO_SUCH_AUTHORITY)?;
    let keys: Vec<_> = keys.iter().map(|key| key.key.to_jwk()).collect();
    let cached = (CACHE_CONTROL, "public, max-age=300");
    let body = json!({ "keys": keys }).to_string();
    Ok(HttpResponse::Ok().content_type(ContentType::json()).insert_header(cached).body(body))
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;

    use super::*;
    use crate::admin;
    use crate::handlers::fixture_test::Desk;

    #[actix_web::test]
    async fn all_live_keys_are_published_the_newest_first() {
        let desk = Desk::without_signing_key().await;
        assert_eq!(desk.get("/jwks/no").await, (StatusCode::OK, json!({ "keys": [] })));
        let first = admin::create_signing_key(&desk.state, "no").await.expect("a key");
        desk.clock.set_offset(10);
        let second = admin::create_signing_key(&desk.state, "no").await.expect("a key");
        let (status, set) = desk.get("/jwks/No").await;
        assert_eq!((status, set), (StatusCode::OK, json!({ "keys": [second.to_jwk(), first.to_jwk()] })));
    }

    #[actix_web::test]
    async fn an_unknown_authority_has_no_keys() {
        let desk = Desk::open().await;
        for path in ["/jwks/se", "/jwks/", "/jwks/no/more", "/jwks/..%2fno"] {
            let (status, refusal) = desk.get(path).await;
            assert_eq!((status, &refusal["errorCode"]), (StatusCode::NOT_FOUND, &json!("not_found")), "{path}");
        }
    }
}
