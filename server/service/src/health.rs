//! What `GET /health` answers, for operators and load balancers.

use std::fmt::Display;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ContentType};

/// 200 `{"status":"ok"}` if the database answered, else 503 `{"status":"unavailable"}`, with the reason in the log.
pub fn health(database: Result<(), impl Display>) -> HttpResponse {
    let (mut reply, body) = match database {
        Ok(()) => (HttpResponse::Ok(), r#"{"status":"ok"}"#),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            (HttpResponse::ServiceUnavailable(), r#"{"status":"unavailable"}"#)
        }
    };
    reply.content_type(ContentType::json()).insert_header((CACHE_CONTROL, "no-store")).body(body)
}
