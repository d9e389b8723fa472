//! Signed reports: bytes, signature, expansion into numbers.

use crate::error::Malformed;
use crate::tcn::{Memo, MemoType, ReportAuthorizationKey, TemporaryContactNumber};

/// The longest span of one report, in numbers: 14 days at 15 minutes.
pub const MAX_SPAN: u32 = 1_345;
/// The longest span of all reports of one upload together.
pub const MAX_UPLOAD_SPAN: u32 = 1_400;

/// The signature of a report does not hold under `verify_strict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signature: does not verify under the report's rvk")]
pub struct BadSignature;

/// A well-formed signed report, 134 to 389 bytes. That it is well formed does not say that its signature holds: see [`verify`](Self::verify).
#[derive(Clone, PartialEq, Eq)]
pub struct SignedReport {
    bytes: Vec<u8>,
}

impl SignedReport {
    /// Reads a signed report: exact length, `j1 >= 1`, `j2 >= j1`, a span of at most [`MAX_SPAN`], a known memo type.
    ///
    /// # Errors
    /// Names the first field that does not hold.
    pub fn decode(_bytes: &[u8]) -> Result<Self, Malformed> {
        todo!()
    }

    /// Reports the numbers `first..=last` of `key`, signed.
    ///
    /// # Errors
    /// `j1`, `j2` as for [`decode`](Self::decode).
    pub fn create(_key: &ReportAuthorizationKey, _memo: &Memo, _first: u16, _last: u16) -> Result<Self, Malformed> {
        todo!()
    }

    /// Checks the signature strictly (RFC 8032, no small-order keys, canonical encodings).
    ///
    /// # Errors
    /// [`BadSignature`], without a reason.
    pub fn verify(&self) -> Result<(), BadSignature> {
        todo!()
    }

    /// The bytes as received: report and signature.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The report verification key: the report's identity.
    pub fn verification_key(&self) -> &[u8; 32] {
        todo!()
    }

    /// `j1`: the first number that the report covers.
    pub fn first(&self) -> u16 {
        todo!()
    }

    /// `j2`: the last number that the report covers.
    pub fn last(&self) -> u16 {
        todo!()
    }

    /// How many numbers the report covers, `j2 - j1 + 1`.
    pub fn span(&self) -> u32 {
        todo!()
    }

    /// The memo's type.
    pub fn memo_type(&self) -> MemoType {
        todo!()
    }

    /// The memo's data.
    pub fn memo_data(&self) -> &[u8] {
        todo!()
    }

    /// The numbers `j1..=j2`, both ends included, in order.
    pub fn numbers(&self) -> impl Iterator<Item = TemporaryContactNumber> {
        todo!() as std::vec::IntoIter<TemporaryContactNumber>
    }
}

/// A report's bytes never reach a log.
impl std::fmt::Debug for SignedReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedReport({} bytes)", self.bytes.len())
    }
}
