//! Reporting without an authority's code: the phone asks for one itself, and it comes by text message to the number of its owner.

use std::fmt;

use proto::api::base64;
use proto::api::verification::{REPORT_NONCE_BYTES, UserReportReply, UserReportRequest};
use proto::{Malformed, ReportType, Timestamp};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::claim::{Verification, Verified};
use crate::error::ClientError;

/// What a person says of themselves, and the nonce that lets nobody but this phone claim the code. Store it before it is sent, and until the
/// code is claimed: the same again is answered like the first time, and only with it the code is good for anything.
#[derive(Clone, Serialize, Deserialize)]
pub struct SelfReport {
    phone: String,
    symptom_date: Option<String>,
    test_date: Option<String>,
    /// Reports that were stored before it was known have none.
    #[serde(default)]
    tz_offset: i32,
    nonce: Nonce,
}

/// The nonce, base64 in storage and in JSON.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Nonce([u8; REPORT_NONCE_BYTES]);

impl SelfReport {
    /// A report of whoever has the number `phone`, E.164: `+4791234567`. Days are ISO 8601, `2026-03-09`; an authority may want one of them.
    pub fn draw(phone: &str, symptom_date: Option<&str>, test_date: Option<&str>, rng: &mut impl CryptoRng) -> Self {
        let mut nonce = Nonce([0; REPORT_NONCE_BYTES]);
        rng.fill_bytes(&mut nonce.0);
        Self {
            phone: phone.to_owned(),
            symptom_date: symptom_date.map(str::to_owned),
            test_date: test_date.map(str::to_owned),
            tz_offset: 0,
            nonce,
        }
    }

    /// The same where clocks are `minutes` ahead of UTC, or behind it: -840 to 840. It decides which day is today for the service.
    #[must_use]
    pub const fn east_of_utc(mut self, minutes: i32) -> Self {
        self.tz_offset = minutes;
        self
    }
}

impl Verification {
    /// `POST /api/user-report`: asks for a code by text message; when it expires. The same report again is answered with the same code, and
    /// the message may come twice.
    ///
    /// # Errors
    /// As [`ClientError`] says; [`Refused`](ClientError::Refused) with `unsupported_test_type` if the authority takes no self-reports,
    /// `user_report_try_later` while another report of this number waits, `phone_number_invalid`, `missing_date`, `sms_failure` ...
    pub async fn report(&self, report: &SelfReport) -> Result<Timestamp, ClientError> {
        let request = UserReportRequest {
            symptom_date: report.symptom_date.clone().unwrap_or_default(),
            test_date: report.test_date.clone().unwrap_or_default(),
            tz_offset: report.tz_offset,
            phone: report.phone.clone(),
            nonce: report.nonce.to_base64(),
            padding: String::new(),
        };
        let reply: UserReportReply = self.call("api/user-report", request).await?;
        Ok(Timestamp::from_unix(reply.expires_at_timestamp))
    }

    /// [`verify`](Self::verify) for the code of a self-report.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn verify_report(&self, code: &str, report: &SelfReport) -> Result<Verified, ClientError> {
        self.claim(code, &[ReportType::UserReport], report.nonce.to_base64()).await
    }
}

impl Nonce {
    fn to_base64(&self) -> String {
        base64::encode(&self.0)
    }
}

impl TryFrom<String> for Nonce {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        let bytes = base64::decode("nonce", &text)?;
        bytes.try_into().map(Self).map_err(|_| Malformed::new("nonce", "must be 256 bytes"))
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> Self {
        nonce.to_base64()
    }
}

/// Says neither whose it is nor what it says.
impl fmt::Debug for SelfReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SelfReport(..)")
    }
}
