//! `POST /v1/publish`, called by phones: a person's GAEN keys, with the certificate of a health authority.

use actix_web::HttpResponse;
use actix_web::web::Data;
use proto::api::publish::PublishRequest;
use proto::{Kind, ReportType, Role};
use service::Ticket;
use store::for_travellers;

use crate::answer;
use crate::belief::Believed;
use crate::body::Body;
use crate::problem::Problem;
use crate::rules::{self, Grounds};
use crate::state::State;
use crate::throttle;

/// Stores the good keys of an upload, and revises those that its revision token stands for if the certificate says something else of them.
///
/// What is wrong is looked for in this order, and the first thing is answered: size, type and shape of the body (413, 415, 400 `bad_request`); the
/// authority and its certificate (401); the revision token (400 `invalid_revision_token`); the authority's regions (500
/// `health_authority_missing_region_config`); the keys (400 `bad_request` if none is good or they cannot be one phone's); and
/// whether what is said now may follow what was said (400 `key_already_revised`, `invalid_report_type_transition`). Then what is good is
/// stored, and every answer carries a revision token: of all this, nothing depends on what is stored.
pub(crate) async fn publish(
    state: Data<State>,
    ticket: Ticket,
    body: Body<PublishRequest>,
) -> Result<HttpResponse, Problem> {
    let (Body(request), now) = (body, state.now());
    let believed = throttle::believe(&state, &ticket, &request, now).await?;
    let (authority, claims) = (&believed.authority.id, &believed.claims);
    let before = state.tokens().open(request.revision_token.as_deref(), authority, now);
    let before = before.map_err(|_| Problem::InvalidRevisionToken)?;
    let feeds = feeds(&state, &believed, request.traveler).await?;
    let grounds = Grounds { claims, hmac_key: &believed.hmac_key, before: &before };
    let verdict = rules::judge_keys(&request, &grounds, now)?;
    let plan = rules::plan(&verdict.accepted, &before, claims.report_type)?;

    let provenance = believed.provenance(now);
    // Those that are revised among them: a person who comes again is counted once.
    let revised = plan.revised.iter().map(|revised| &revised.key);
    let stands = revised.filter(|key| key.raw.report_type != ReportType::Negative);
    let written: Vec<_> = plan.new.iter().chain(stands).cloned().collect();
    if !written.is_empty() {
        let accepted = state.store().accept_keys(&written, &feeds, &provenance).await?;
        state.server_metrics().count_conflicts(&provenance, accepted);
    }
    if !plan.revised.is_empty() {
        let accepted = state.store().revise_keys(&plan.revised, &feeds, &provenance).await?;
        state.server_metrics().count_conflicts(&provenance, accepted);
    }
    state.server_metrics().count_accepted(Kind::Gaen, Role::Verified, verdict.accepted.len());
    Ok(answer::revisable(verdict, state.tokens().seal(&plan.token, authority)))
}

/// Where the keys go: to the authority's own feeds, and those of travellers to every feed that takes them.
async fn feeds(state: &State, believed: &Believed, travelled: bool) -> Result<Vec<proto::Feed>, Problem> {
    let mut feeds = believed.feeds(Kind::Gaen)?;
    if travelled {
        let others = for_travellers(state.store().feed_policies().await?, Kind::Gaen);
        let others: Vec<_> = others.filter(|feed| !feeds.contains(feed)).collect();
        feeds.extend(others);
    }
    Ok(feeds)
}
