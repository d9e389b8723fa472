//! `GET /health`, called by operators and load balancers: does the server answer, and its database too?

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::state::State;

/// 200 if the database answers, 503 if not.
pub(crate) async fn health(state: Data<State>) -> HttpResponse {
    service::health(state.store().ping().await)
}
