//! Counting refusals on their way out.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};

use crate::metrics::Refused;
use crate::state::State;

/// Counts refusals behind the door of the gateway, so that what was sealed counts like what was not.
pub(crate) async fn count_refusals(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<Data<State>>().cloned();
    let answer = next.call(request).await?;
    if let (Some(state), Some(refused)) = (state, refused(answer.response())) {
        state.server_metrics().count_refusal(refused);
    }
    Ok(answer)
}

fn refused(reply: &HttpResponse) -> Option<Refused> {
    reply.extensions().get::<Refused>().copied()
}
