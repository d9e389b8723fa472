//! `POST /v1/reports`, called by phones: a person's TCN reports, with the certificate of a health authority.

use actix_web::HttpResponse;
use actix_web::web::Data;
use proto::api::publish::ReportsRequest;
use proto::{Kind, ReportType, Role};
use service::Ticket;

use crate::answer;
use crate::body::Body;
use crate::problem::Problem;
use crate::rules;
use crate::state::State;
use crate::throttle;

/// Stores the good reports of an upload. A negative report is accepted and not stored, as with keys.
pub(crate) async fn reports(
    state: Data<State>,
    ticket: Ticket,
    body: Body<ReportsRequest>,
) -> Result<HttpResponse, Problem> {
    let (Body(request), now) = (body, state.now());
    let believed = throttle::believe(&state, &ticket, &request, now).await?;
    let feeds = believed.feeds(Kind::Tcn)?;
    let verdict = rules::judge_reports(&request, &believed.claims, believed.authority.memo_bytes, now)?;
    if believed.claims.report_type != ReportType::Negative {
        let provenance = believed.provenance(now);
        let accepted = state.store().accept_reports(&verdict.accepted, &feeds, &provenance).await?;
        state.server_metrics().count_conflicts(&provenance, accepted);
    }
    state.server_metrics().count_accepted(Kind::Tcn, Role::Verified, verdict.accepted.len());
    Ok(answer::verdict(verdict))
}
