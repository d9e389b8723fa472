//! `POST /submitReport`, called by apps made from Covid Watch's, and with `/self/{authority}` before it: one report without a certificate.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::self_report::take;
use crate::dialect::{CovidWatch, Sent};
use crate::problem::Problem;
use crate::state::State;

/// Takes a report. To its app, 2xx is success; all else is sent again without limit, so that a refusal must cost us little.
pub(crate) async fn submit_report(state: Data<State>, sent: Sent<CovidWatch>) -> Result<HttpResponse, Problem> {
    take(&state, sent.0).await
}
