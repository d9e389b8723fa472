//! `POST /api/certificate`, for apps (DEVICE): a token and a commitment become a certificate.

use actix_web::HttpResponse;
use actix_web::web::Data;
use proto::api::verification::{CertificateReply, CertificateRequest};

use crate::certifying::{self, Petition};
use crate::problem::Problem;
use crate::reply;
use crate::request::{Call, Device};
use crate::state::State;

/// Signs a certificate, for at most two different commitments a token; for the same one as often as it is asked.
pub(crate) async fn certificate(
    state: Data<State>,
    call: Call<Device, CertificateRequest>,
) -> Result<HttpResponse, Problem> {
    let petition = Petition::parse(&call.body)?;
    let certificate = certifying::certify(&state, &call.issuer, &petition).await?;
    Ok(reply::ok(CertificateReply { certificate, ..CertificateReply::default() }))
}
