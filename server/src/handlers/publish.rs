//! `POST /v1/publish`, called by phones: a person's GAEN keys, with the certificate of a health authority.

use actix_web::HttpResponse;
use actix_web::web::Data;
use proto::api::publish::PublishRequest;
use proto::{Kind, ReportType};
use service::Ticket;

use crate::answer;
use crate::body::Body;
use crate::problem::Problem;
use crate::rules;
use crate::state::State;
use crate::throttle;

/// Stores the good keys of an upload.
///
/// `traveler` is read and has no effect yet. A negative report is accepted and not stored: as a first report there is nothing that it could
/// take back.
pub(crate) async fn publish(
    state: Data<State>,
    ticket: Ticket,
    body: Body<PublishRequest>,
) -> Result<HttpResponse, Problem> {
    let (Body(request), now) = (body, state.now());
    let believed = throttle::believe(&state, &ticket, &request, now).await?;
    if request.revision_token.as_deref().is_some_and(|token| !token.is_empty()) {
        return Err(Problem::InvalidRevisionToken);
    }
    let feeds = believed.feeds(Kind::Gaen)?;
    let verdict = rules::judge_keys(&request, &believed.claims, now)?;
    if believed.claims.report_type != ReportType::Negative {
        let provenance = believed.provenance(now);
        let accepted = state.store().accept_keys(&verdict.accepted, &feeds, &provenance).await?;
        state.server_metrics().count_conflicts(&provenance, accepted);
    }
    Ok(answer::verdict(verdict))
}
