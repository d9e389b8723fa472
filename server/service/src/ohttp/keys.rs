//! `GET /ohttp-keys`, called by phones: the keys that a request may be sealed to.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpResponse, ResponseError};
use proto::ohttp::KEYS_MEDIA_TYPE;

use super::gateway::HasGateway;
use crate::unheard::Unheard;

/// The key configurations, the current one first (RFC 9458, section 3). They are the same for everybody, so a cache may keep them; a phone
/// best asks through the relay, and uses those alone whose hash it has from elsewhere.
///
/// # Errors
/// 404, if this service has no gateway.
pub async fn keys<S: HasGateway, P: From<Unheard> + ResponseError>(state: Data<S>) -> Result<HttpResponse, P> {
    let gateway = state.gateway().ok_or(Unheard::UnknownPath)?;
    let cached = (CACHE_CONTROL, "public, max-age=300");
    Ok(HttpResponse::Ok().content_type(KEYS_MEDIA_TYPE).insert_header(cached).body(gateway.published()))
}
