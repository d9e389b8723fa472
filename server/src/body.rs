//! Reading a request's body: bounded, JSON, and of the shape that the route takes.

use std::future::Future;
use std::pin::Pin;

use actix_web::{FromRequest, HttpRequest, dev};
use proto::Malformed;
use proto::api::parse_body;
use proto::api::publish::{MAX_KEYS, MAX_REPORTS, PublishRequest, ReportsRequest};
use proto::api::self_reports::ChallengeRequest;
use proto::api::stats::StatsRequest;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A body that was read and parsed.
pub(crate) struct Body<T>(pub(crate) T);

/// A request as the API documents it.
pub(crate) trait Request: DeserializeOwned + 'static {
    /// Refuses what has the right fields but too few or too many entries.
    fn check_count(&self) -> Result<(), Malformed>;
}

impl Request for PublishRequest {
    fn check_count(&self) -> Result<(), Malformed> {
        match self.temporary_exposure_keys.len() {
            1..=MAX_KEYS => Ok(()),
            _ => Err(Malformed::new("temporaryExposureKeys", "must be 1 to 30 keys")),
        }
    }
}

impl Request for ReportsRequest {
    fn check_count(&self) -> Result<(), Malformed> {
        match self.reports.len() {
            1..=MAX_REPORTS => Ok(()),
            _ => Err(Malformed::new("reports", "must be 1 to 56 reports")),
        }
    }
}

impl Request for ChallengeRequest {
    fn check_count(&self) -> Result<(), Malformed> {
        Ok(())
    }
}

impl Request for StatsRequest {
    fn check_count(&self) -> Result<(), Malformed> {
        Ok(())
    }
}

impl<T: Request> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = service::read(&request, payload).await?;
            service::require_json(&request)?;
            let request: T = parse_body(&bytes)?;
            request.check_count()?;
            Ok(Self(request))
        })
    }
}
