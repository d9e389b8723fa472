//! The commitment: an HMAC over exactly the keys or reports that will be uploaded.
//!
//! The phone commits before it asks for a certificate, so that an authority certifies an upload without seeing it. The order of keys and
//! reports in the upload does not matter: segments are sorted as byte strings and joined by `,`.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::error::Malformed;

/// HMAC-SHA256 over what will be uploaded; `tekmac` in a certificate. Compared in constant time.
#[derive(Clone, Copy)]
pub struct Commitment([u8; 32]);

impl Commitment {
    /// A commitment of 32 bytes.
    ///
    /// # Errors
    /// `ekeyhmac` unless 32 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = bytes.try_into().map_err(|_| Malformed::new("ekeyhmac", "must be 32 bytes"))?;
        Ok(Self(bytes))
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl ConstantTimeEq for Commitment {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for Commitment {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Commitment {}

/// A commitment ties an upload to a certificate and so never reaches a log.
impl std::fmt::Debug for Commitment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Commitment(..)")
    }
}

/// One GAEN key as it stands in the upload.
#[derive(Clone, Copy)]
pub struct KeySegment<'a> {
    /// The key in base64, exactly as sent.
    pub key: &'a str,
    /// `rollingStartNumber`.
    pub rolling_start: i64,
    /// `rollingPeriod`.
    pub rolling_period: i64,
    /// `transmissionRisk`, 0 if absent.
    pub transmission_risk: i64,
}

impl KeySegment<'_> {
    fn with_risk(&self) -> String {
        format!("{}.{}", self.without_risk(), self.transmission_risk)
    }

    fn without_risk(&self) -> String {
        format!("{}.{}.{}", self.key, self.rolling_start, self.rolling_period)
    }
}

/// The phone's secret HMAC key, at least 16 bytes.
#[derive(Clone)]
pub struct HmacKey(Vec<u8>);

impl HmacKey {
    /// An HMAC key.
    ///
    /// # Errors
    /// `hmacKey` if shorter than 16 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() < 16 {
            return Err(Malformed::new("hmacKey", "must be at least 16 bytes"));
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The commitment over GAEN keys, each with its `transmissionRisk`.
    pub fn commit_keys(&self, keys: &[KeySegment<'_>]) -> Commitment {
        self.commit(keys.iter().map(KeySegment::with_risk).collect())
    }

    /// The commitment over TCN reports: their base64 as sent, sorted, joined by `,`.
    pub fn commit_reports(&self, reports: &[&str]) -> Commitment {
        self.commit(reports.to_vec())
    }

    /// Whether `commitment` covers exactly these keys. The older form without risks counts if and only if every risk is 0.
    pub fn covers_keys(&self, keys: &[KeySegment<'_>], commitment: &Commitment) -> bool {
        if self.commit_keys(keys) == *commitment {
            return true;
        }
        let riskless = keys.iter().all(|key| key.transmission_risk == 0);
        riskless && self.commit(keys.iter().map(KeySegment::without_risk).collect()) == *commitment
    }

    /// Whether `commitment` covers exactly these reports.
    pub fn covers_reports(&self, reports: &[&str], commitment: &Commitment) -> bool {
        self.commit_reports(reports) == *commitment
    }

    /// The HMAC over the sorted segments.
    fn commit<S: AsRef<str> + Ord>(&self, mut segments: Vec<S>) -> Commitment {
        // Rust orders strings by their bytes, as the API asks.
        segments.sort_unstable();
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for (position, segment) in segments.iter().enumerate() {
            if position > 0 {
                mac.update(b",");
            }
            mac.update(segment.as_ref().as_bytes());
        }
        Commitment(mac.finalize().into_bytes().into())
    }
}
