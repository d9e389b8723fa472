//! What a certificate says, and how it stands in JSON.

use serde::{Deserialize, Serialize};

use crate::api::base64;
use crate::commitment::Commitment;
use crate::interval::{Interval, Timestamp};
use crate::report_type::ReportType;

/// `nbf` lies this many seconds before `iat`: phones and servers whose clocks differ a little agree all the same.
const NOT_BEFORE_MARGIN: i64 = 5;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `iss`: selects the authority.
    pub issuer: String,
    /// `aud`: whom it is meant for.
    pub audience: String,
    /// `iat`; `nbf` is five seconds earlier.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
    /// `reportType`.
    pub report_type: ReportType,
    /// `symptomOnsetInterval`: the interval of UTC midnight of the onset, if known.
    pub symptom_onset: Option<Interval>,
    /// `tekmac`.
    pub commitment: Commitment,
}

/// The claims as they travel. Other claims are tolerated (RFC 7519, section 4); a claim of ours that stands twice is refused.
#[derive(Serialize, Deserialize)]
pub(super) struct WireClaims {
    pub(super) iss: String,
    pub(super) aud: Audience,
    pub(super) iat: NumericDate,
    #[serde(default)]
    pub(super) nbf: Option<NumericDate>,
    pub(super) exp: NumericDate,
    #[serde(rename = "reportType")]
    report_type: ReportType,
    #[serde(rename = "symptomOnsetInterval", default, skip_serializing_if = "Option::is_none")]
    symptom_onset: Option<u32>,
    tekmac: String,
}

impl WireClaims {
    /// The JSON form of what an authority says.
    pub(super) fn from_claims(claims: &Claims) -> Self {
        Self {
            iss: claims.issuer.clone(),
            aud: Audience::One(claims.audience.clone()),
            iat: NumericDate(claims.issued_at.unix()),
            nbf: Some(NumericDate(claims.issued_at.plus(-NOT_BEFORE_MARGIN).unix())),
            exp: NumericDate(claims.expires_at.unix()),
            report_type: claims.report_type,
            symptom_onset: claims.symptom_onset.map(Interval::number),
            tekmac: base64::encode(claims.commitment.as_bytes()),
        }
    }

    /// The typed claims, with `audience` as the one that was found in `aud`. None if `tekmac` is no commitment.
    pub(super) fn into_claims(self, audience: &str) -> Option<Claims> {
        let commitment = Commitment::new(&base64::decode("tekmac", &self.tekmac).ok()?).ok()?;
        Some(Claims {
            issuer: self.iss,
            audience: audience.to_owned(),
            issued_at: self.iat.moment(),
            expires_at: self.exp.moment(),
            report_type: self.report_type,
            // Issuers in the field write 0 when they do not know the onset.
            symptom_onset: self.symptom_onset.filter(|&number| number != 0).map(Interval::new),
            commitment,
        })
    }
}

/// `aud`: one string, or several of which one counts (RFC 7519, section 4.1.3).
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    /// Whether the certificate is meant for `audience`.
    pub(super) fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Several(several) => several.iter().any(|one| one == audience),
        }
    }
}

/// A time in seconds, possibly with a fraction (RFC 7519, section 2, "NumericDate"); the fraction is dropped.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Number", into = "i64")]
pub(super) struct NumericDate(i64);

impl NumericDate {
    /// The moment that is meant.
    pub(super) const fn moment(self) -> Timestamp {
        Timestamp::from_unix(self.0)
    }
}

impl From<NumericDate> for i64 {
    fn from(date: NumericDate) -> Self {
        date.0
    }
}

impl TryFrom<serde_json::Number> for NumericDate {
    type Error = &'static str;

    fn try_from(number: serde_json::Number) -> Result<Self, Self::Error> {
        if let Some(whole) = number.as_i64() {
            return Ok(Self(whole));
        }
        // Beyond 2^53 a double no longer holds every second; no date of ours lies there.
        let seconds = number.as_f64().filter(|seconds| seconds.abs() < 9e15);
        seconds.map(|seconds| Self(seconds.floor() as i64)).ok_or("must be a time in seconds")
    }
}
