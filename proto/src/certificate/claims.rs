//! What a certificate says, and how it stands in JSON.

use serde::{Deserialize, Serialize};

use super::registered::{Audience, NOT_BEFORE_MARGIN, NumericDate, Registered};
use crate::api::base64;
use crate::commitment::Commitment;
use crate::interval::{Interval, Timestamp};
use crate::report_type::ReportType;

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
            iat: claims.issued_at.into(),
            nbf: Some(claims.issued_at.plus(-NOT_BEFORE_MARGIN).into()),
            exp: claims.expires_at.into(),
            report_type: claims.report_type,
            symptom_onset: claims.symptom_onset.map(Interval::number),
            tekmac: base64::encode(claims.commitment.as_bytes()),
        }
    }

    /// By whom, for whom and when.
    pub(super) fn registered(&self) -> Registered<'_> {
        Registered {
            issuer: &self.iss,
            audience: &self.aud,
            issued_at: self.iat,
            not_before: self.nbf,
            expires_at: self.exp,
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
