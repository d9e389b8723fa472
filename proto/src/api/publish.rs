//! `POST /v1/publish` and `POST /v1/reports`.

use serde::{Deserialize, Serialize};

use super::absent::or_default;
use super::object::objects_or_none;
use super::padding::padded;
use crate::commitment::KeySegment;

/// The largest number of keys in an upload.
pub const MAX_KEYS: usize = 30;
/// The largest number of reports in an upload.
pub const MAX_REPORTS: usize = 56;

/// A key as the phone sends it. Numbers are wide so that a value out of range is refused by name and not by the parser.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExposureKey {
    /// 16 bytes in base64.
    #[serde(default, deserialize_with = "or_default")]
    pub key: String,
    /// An interval number.
    #[serde(default, deserialize_with = "or_default")]
    pub rolling_start_number: i64,
    /// 1 to 144 intervals.
    #[serde(default, deserialize_with = "or_default")]
    pub rolling_period: i64,
    /// 0 to 8; 0 is "not set".
    #[serde(default, deserialize_with = "or_default")]
    pub transmission_risk: i64,
}

/// What a commitment covers of a key: all of it, exactly as sent.
impl<'a> From<&'a ExposureKey> for KeySegment<'a> {
    fn from(sent: &'a ExposureKey) -> Self {
        Self {
            key: &sent.key,
            rolling_start: sent.rolling_start_number,
            rolling_period: sent.rolling_period,
            transmission_risk: sent.transmission_risk,
        }
    }
}

/// The body of `POST /v1/publish`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublishRequest {
    /// 1 to 30 keys.
    #[serde(default, deserialize_with = "objects_or_none")]
    pub temporary_exposure_keys: Vec<ExposureKey>,
    /// The authority's id, case-folded.
    #[serde(default, deserialize_with = "or_default", rename = "healthAuthorityID")]
    pub health_authority_id: String,
    /// The certificate.
    #[serde(default, deserialize_with = "or_default")]
    pub verification_payload: String,
    /// At least 16 bytes in base64.
    #[serde(default, deserialize_with = "or_default")]
    pub hmac_key: String,
    /// The phone's own word on the onset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symptom_onset_interval: Option<i64>,
    /// The person travelled.
    #[serde(default, deserialize_with = "or_default")]
    pub traveler: bool,
    /// From the reply to the first upload, when revising.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_token: Option<String>,
    /// Anything.
    #[serde(default, deserialize_with = "or_default")]
    pub padding: String,
}

/// The body of `POST /v1/reports`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportsRequest {
    /// 1 to 56 signed reports in base64.
    #[serde(default, deserialize_with = "or_default")]
    pub reports: Vec<String>,
    /// The authority's id, case-folded.
    #[serde(default, deserialize_with = "or_default", rename = "healthAuthorityID")]
    pub health_authority_id: String,
    /// The certificate.
    #[serde(default, deserialize_with = "or_default")]
    pub verification_payload: String,
    /// At least 16 bytes in base64.
    #[serde(default, deserialize_with = "or_default")]
    pub hmac_key: String,
    /// Anything.
    #[serde(default, deserialize_with = "or_default")]
    pub padding: String,
}

/// The reply of both routes.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishReply {
    /// What a later revision must present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_token: Option<String>,
    /// How many keys or reports of the body are good, whether or not they were known before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inserted_exposures: Option<usize>,
    /// For people: what was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// For programs: what was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What was accepted but not as sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Fills every reply to one size.
    #[serde(default)]
    pub padding: String,
}

padded!(PublishRequest, ReportsRequest, PublishReply);
