//! What stands before the routes.

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, ResponseError};

use super::gate::{HasLimits, Limits, is_health};
use super::ticket::Held;
use crate::body;
use crate::caller::Edge;
use crate::unheard::Unheard;

/// Lets requests in as far as the service's limits allow, each once: to be wrapped around the door of the gateway, so that what is sealed counts as its
/// envelope does. A refusal keeps nothing of the request: what is left of its body is read and thrown away, so that the answer has the headers of
/// any other.
///
/// # Errors
/// Those of `next`; the routes have none, they answer with problems.
pub async fn limited<S: HasLimits, P: From<Unheard> + ResponseError>(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<Data<S>>().cloned();
    let Some((state, limits)) = state.as_ref().and_then(|state| Some((state, state.limits()?))) else {
        return next.call(request).await;
    };
    if let Err(why) = let_in(limits, state.edge(), &request).await {
        let payload = request.take_payload();
        body::discard(request.request(), payload).await;
        return Ok(request.into_response(P::from(why).error_response()));
    }
    let answer = next.call(request).await?;
    Held::end(answer.request());
    Ok(answer)
}

async fn let_in(limits: &Arc<Limits>, edge: &Edge, request: &ServiceRequest) -> Result<(), Unheard> {
    let ticket = limits.admit(edge, request.request())?;
    request.extensions_mut().insert(ticket);
    // A request without a body is worked on from the beginning; others once their bodies are there.
    let has_no_body = matches!(*request.method(), Method::GET | Method::HEAD);
    if has_no_body && !is_health(request.request()) {
        Held::by(request.request()).begin(request.request()).await?;
    }
    Ok(())
}
