//! Reading a report without a certificate, as apps in the field send it.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::{FromRequest, HttpRequest, dev};
use proto::Malformed;
use proto::api::parse_body;
use proto::api::self_reports::{PROOF_HEADER, SubmitReportRequest, read_tcnreport};
use proto::proof_of_work::Proof;
use proto::tcn::SignedReport;

use crate::problem::Problem;

/// What an app sent.
pub(crate) struct SelfReport {
    /// The report, well formed; its signature is not checked yet.
    pub(crate) report: SignedReport,
    /// The authority that the path names, case-folded.
    pub(crate) authority: Option<String>,
    /// The proof of work beside it.
    pub(crate) proof: Option<Proof>,
}

/// How an app writes a report.
pub(crate) trait Dialect: 'static {
    /// Reads the body, whatever its Content-Type says: apps in the field label it as they like.
    fn read(body: &[u8]) -> Result<SignedReport, Malformed>;
}

/// Bare base64.
pub(crate) struct CoEpi;

impl Dialect for CoEpi {
    fn read(body: &[u8]) -> Result<SignedReport, Malformed> {
        read_tcnreport(body)
    }
}

/// JSON with the parts of a report.
pub(crate) struct CovidWatch;

impl Dialect for CovidWatch {
    fn read(body: &[u8]) -> Result<SignedReport, Malformed> {
        parse_body::<SubmitReportRequest>(body)?.report()
    }
}

/// A report that was read and parsed as `D` has it.
pub(crate) struct Sent<D>(pub(crate) SelfReport, PhantomData<D>);

impl<D: Dialect> FromRequest for Sent<D> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = service::read(&request, payload).await?;
            let report = D::read(&body)?;
            let authority = request.match_info().get("authority").map(str::to_ascii_lowercase);
            Ok(Self(SelfReport { report, authority, proof: proof(&request)? }, PhantomData))
        })
    }
}

fn proof(request: &HttpRequest) -> Result<Option<Proof>, Malformed> {
    let Some(value) = request.headers().get(PROOF_HEADER) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Malformed::new(PROOF_HEADER, "must be {challenge}.{number}"))?;
    text.parse().map(Some)
}
