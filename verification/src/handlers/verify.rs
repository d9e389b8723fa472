//! `POST /api/verify`, for apps (DEVICE): a code becomes a token.

use actix_web::HttpResponse;
use actix_web::web::Data;
use proto::api::verification::{VerifyReply, VerifyRequest};

use crate::claiming::{self, Wish};
use crate::dates;
use crate::problem::Problem;
use crate::reply;
use crate::request::{Call, Device};
use crate::state::State;

/// Claims a code, once; a phone whose reply was lost may ask again.
pub(crate) async fn verify(state: Data<State>, call: Call<Device, VerifyRequest>) -> Result<HttpResponse, Problem> {
    let wish = Wish::parse(&call.body)?;
    let (terms, token) = claiming::claim(&state, &call.issuer, &wish).await?;
    Ok(reply::ok(VerifyReply {
        testtype: terms.report_type.to_string(),
        symptom_date: terms.symptom.map(dates::day_text).unwrap_or_default(),
        test_date: terms.test.map(dates::day_text).unwrap_or_default(),
        token: token.to_text(),
        ..VerifyReply::default()
    }))
}
