//! `POST /api/issue`, for the authority's staff and tools (ADMIN): a code for a person.

use actix_web::HttpResponse;
use actix_web::web::Data;
use proto::api::verification::{IssueReply, IssueRequest};

use crate::dates;
use crate::issuing;
use crate::order::Order;
use crate::problem::Problem;
use crate::reply;
use crate::request::{Admin, Call};
use crate::state::State;

/// Issues a code. The same request under the same uuid gets the same code while it is unclaimed.
pub(crate) async fn issue(state: Data<State>, call: Call<Admin, IssueRequest>) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let order = Order::parse(call.body, &call.issuer, now, &mut store::chance::source())?;
    let issued = issuing::issue(&state, &call.issuer, &order, now).await?;
    let (expires_at, timestamp) = (dates::rfc1123(issued.expires_at), issued.expires_at.unix());
    Ok(reply::ok(IssueReply {
        uuid: order.uuid.to_string(),
        code: issued.code.as_str().to_owned(),
        // There are no long codes: the only code is as good as the long one would be.
        long_expires_at: expires_at.clone(),
        long_expires_at_timestamp: timestamp,
        expires_at,
        expires_at_timestamp: timestamp,
        ..IssueReply::default()
    }))
}
