//! `GET /health`, called by operators and load balancers: does the server answer, and its database too?

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use serde_json::json;

use crate::state::State;

/// 200 `{"status":"ok"}`, or 503 `{"status":"unavailable"}` while the database does not answer.
pub(crate) async fn health(state: Data<State>) -> HttpResponse {
    let (mut reply, status) = match state.store().ping().await {
        Ok(()) => (HttpResponse::Ok(), "ok"),
        Err(error) => {
            tracing::error!(%error, "the key database does not answer");
            (HttpResponse::ServiceUnavailable(), "unavailable")
        }
    };
    reply.insert_header((CACHE_CONTROL, "no-store")).json(json!({ "status": status }))
}
