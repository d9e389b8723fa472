//! `GET /health` and `GET /readyz`, called by operators and load balancers: does the server answer, and its database too? `GET /healthz` asks nobody, see
//! [`service::alive`].

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::state::State;

/// 200 if the database answers, 503 if not.
pub(crate) async fn health(state: Data<State>) -> HttpResponse {
    state.health().health(state.store().ping().await)
}

/// The same, but 503 also once the server was told to stop.
pub(crate) async fn readyz(state: Data<State>) -> HttpResponse {
    state.health().ready(state.store().ping().await)
}
