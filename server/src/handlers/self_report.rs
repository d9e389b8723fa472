//! What the dialects have in common once they are parsed.

use actix_web::HttpResponse;
use proto::{Kind, Role};

use crate::answer;
use crate::dialect::SelfReport;
use crate::problem::Problem;
use crate::rules;
use crate::state::State;

/// Stores a report in the feeds of what people report themselves. That it is known already changes nothing, neither there nor in the answer.
pub(crate) async fn take(state: &State, sent: SelfReport) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let authority = state.admission().admit(state.store(), &sent, now).await?;
    let feeds = authority.self_reported_feeds();
    if feeds.is_empty() {
        return Err(Problem::MissingRegion);
    }
    let verdict = rules::judge_self_report(sent.report, now);
    let provenance = rules::self_reported(&authority, now);
    let accepted = state.store().accept_reports(&verdict.accepted, &feeds, &provenance).await?;
    state.server_metrics().count_conflicts(&provenance, accepted);
    state.server_metrics().count_accepted(Kind::Tcn, Role::SelfReported, verdict.accepted.len());
    Ok(answer::verdict(verdict))
}
