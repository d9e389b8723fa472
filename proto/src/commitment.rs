//! The commitment: an HMAC over exactly the keys or reports that will be uploaded.

use crate::error::Malformed;

/// HMAC-SHA256 over what will be uploaded; `tekmac` in a certificate.
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
    pub fn commit_keys(&self, _keys: &[KeySegment<'_>]) -> Commitment {
        let _ = &self.0;
        todo!()
    }

    /// The commitment over TCN reports: their base64 as sent, sorted, joined by `,`.
    pub fn commit_reports(&self, _reports: &[&str]) -> Commitment {
        todo!()
    }

    /// Whether `commitment` covers exactly these keys. The older form without risks counts if and only if every risk is 0.
    pub fn covers_keys(&self, _keys: &[KeySegment<'_>], _commitment: &Commitment) -> bool {
        todo!()
    }

    /// Whether `commitment` covers exactly these reports.
    pub fn covers_reports(&self, _reports: &[&str], _commitment: &Commitment) -> bool {
        todo!()
    }
}
