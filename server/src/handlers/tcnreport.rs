//! `POST /tcnreport/0.4.0`, called by apps made from CoEpi's, and with `/self/{authority}` before it: one report without a certificate.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::self_report::take;
use crate::dialect::{CoEpi, Sent};
use crate::problem::Problem;
use crate::state::State;

/// Takes a report. CoEpi's own server said 200, 400 for bad bytes and 401 for a bad signature; its app ignores what is said.
pub(crate) async fn tcnreport(state: Data<State>, sent: Sent<CoEpi>) -> Result<HttpResponse, Problem> {
    take(&state, sent.0).await
}
