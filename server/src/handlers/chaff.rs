//! What phones POST to any of their routes with `X-Chaff`: nothing, answered like something.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::api::publish::PublishReply;
use proto::api::self_reports::ChallengeReply;
use proto::revision::RevisionToken;

use crate::answer;
use crate::chaff::{Decoy, NOBODY};
use crate::problem::Problem;
use crate::state::State;

/// Reads, believes and writes as for a real request, as long as the budget lasts, and answers as if it had been one. Nothing of it reaches keys,
/// tallies or statistics.
pub(crate) async fn chaff(state: Data<State>, request: HttpRequest, body: Payload) -> Result<HttpResponse, Problem> {
    let body = service::read(&request, body.into_inner()).await?;
    let decoy = Decoy::read(request.path(), &body);
    if state.chaff().admits_one() {
        // Whom it names is looked up as for a real request; nobody being called so is as good.
        state.store().authority(&decoy.authority().to_ascii_lowercase()).await?;
        state.chaff().believe(&decoy);
        let scratch = state.chaff().scratch(&decoy);
        if !scratch.rows.is_empty() {
            state.store().scribble(&scratch).await?;
        }
    }
    Ok(reply(&state, &decoy))
}

fn reply(state: &State, decoy: &Decoy) -> HttpResponse {
    if matches!(decoy, Decoy::Challenge) {
        let reply = state.admission().challenges.give(store::chance::bytes(), state.now());
        // As long as a challenge, and good for nothing.
        let random = URL_SAFE_NO_PAD.encode(store::chance::bytes::<96>());
        let challenge = random.chars().cycle().take(reply.challenge.len()).collect();
        return service::padded(StatusCode::OK, ChallengeReply { challenge, ..reply });
    }
    let inserted_exposures = Some(decoy.entries());
    // Sealed like any, for an authority that nobody is.
    let token = || state.tokens().seal(&RevisionToken::default(), NOBODY);
    let revision_token = matches!(decoy, Decoy::Keys(_)).then(token);
    answer::padded(StatusCode::OK, PublishReply { inserted_exposures, revision_token, ..PublishReply::default() })
}
