//! Replies of one size: whatever is said, 4,096 bytes of JSON with the same header names.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use proto::api::padding::{Padded, REPLY_BYTES, to_padded_json};

/// A reply of [`REPLY_BYTES`] bytes, as long as the message without its padding is no longer.
pub fn padded(status: StatusCode, message: impl Padded) -> HttpResponse {
    padded_to(REPLY_BYTES, status, message)
}

/// The same with another number of bytes, for routes that phones do not call.
pub fn padded_to(bytes: usize, status: StatusCode, message: impl Padded) -> HttpResponse {
    let body = to_padded_json(message, bytes);
    HttpResponse::build(status).content_type(ContentType::json()).insert_header((CACHE_CONTROL, "no-store")).body(body)
}
