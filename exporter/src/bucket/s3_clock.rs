//! The time as an object store tells it: the `Date` of its answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use proto::Timestamp;

/// Reads the `Date` of an answer as it comes in. Clones share what they read.
#[derive(Debug, Clone, Default)]
pub(super) struct DateOfAnswer {
    /// UTC seconds; 0 as long as there was none.
    told: Arc<AtomicI64>,
}

impl DateOfAnswer {
    /// What it said; none if there was no answer, or none with a date.
    pub(super) fn told(&self) -> Option<Timestamp> {
        let told = self.told.load(Ordering::Relaxed);
        (told > 0).then(|| Timestamp::from_unix(told))
    }
}

impl Intercept for DateOfAnswer {
    fn name(&self) -> &'static str {
        "DateOfAnswer"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        if let Some(date) = date {
            self.told.store(date.secs(), Ordering::Relaxed);
        }
        Ok(())
    }
}
