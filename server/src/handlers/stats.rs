//! `POST /v1/stats`, called by health authorities: their uploads in numbers.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use proto::api::stats::{STATS_REPLY_BYTES, StatsReply, StatsRequest};

use crate::bearer::{self, Bearer};
use crate::body::Body;
use crate::problem::Problem;
use crate::state::State;
use crate::statistics;

/// Shows the days that may be shown, in an answer of [`STATS_REPLY_BYTES`]; refusals have the size of every other.
pub(crate) async fn stats(
    state: Data<State>,
    body: Body<StatsRequest>,
    bearer: Bearer,
) -> Result<HttpResponse, Problem> {
    // There is nothing in the body but padding.
    let Body(StatsRequest { .. }) = body;
    let authority = bearer::believe(state.store(), &bearer, state.stats_audience(), state.now()).await?;
    let days = statistics::shown_days(&state, &authority.id).await?;
    Ok(service::padded_to(STATS_REPLY_BYTES, StatusCode::OK, StatsReply { days, padding: String::new() }))
}
