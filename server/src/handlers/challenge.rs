//! `POST /v1/challenge`, called by phones: something to work on before a report without a certificate.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use proto::api::self_reports::ChallengeRequest;

use crate::body::Body;
use crate::problem::Problem;
use crate::state::State;

/// Gives out a challenge; nothing is stored.
pub(crate) async fn challenge(state: Data<State>, body: Body<ChallengeRequest>) -> Result<HttpResponse, Problem> {
    // There is nothing in the body but padding.
    let Body(ChallengeRequest { .. }) = body;
    let reply = state.admission().challenges.give(store::chance::bytes(), state.now());
    Ok(service::padded(StatusCode::OK, reply))
}
