//! Signed reports: bytes, signature, expansion into numbers.
//!
//! The bytes of TCN v0.4, section "Reporting": `rvk[32] || tck_{j1-1}[32] || le_u16(j1) || le_u16(j2) || memo type || memo length ||
//! memo || signature[64]`. The signature covers everything before it.

use std::ops::Range;

use ed25519_dalek::{Signature, Signer, VerifyingKey};

use super::memo::{Memo, MemoType};
use super::ratchet::{ReportAuthorizationKey, TemporaryContactKey, TemporaryContactNumber};
use crate::error::Malformed;

/// The longest span of one report, in numbers: 14 days at 15 minutes.
pub const MAX_SPAN: u32 = 1_345;

/// Where `tck_{j1-1}` stands.
const CONTACT_KEY: Range<usize> = 32..64;
/// Where the memo begins.
const MEMO: usize = 70;
/// Length of the signature.
const SIGNATURE: usize = 64;

/// The signature of a report does not hold under `verify_strict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signature: does not verify under the report's rvk")]
pub struct BadSignature;

/// A well-formed signed report, 134 to 389 bytes. That it is well formed does not say that its signature holds: see [`verify`](Self::verify).
#[derive(Clone, PartialEq, Eq)]
pub struct SignedReport {
    /// Invariant: at least 134 bytes, and exactly as many as the memo length in them says.
    bytes: Vec<u8>,
    first: u16,
    last: u16,
    memo_type: MemoType,
}

impl SignedReport {
    /// Reads a signed report: exact length, `j1 >= 1`, `j2 >= j1`, a span of at most [`MAX_SPAN`], a known memo type.
    ///
    /// # Errors
    /// Names the first field that does not hold.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let too_short = || Malformed::new("signed_report", "must be 134 to 389 bytes");
        let [j1_low, j1_high, j2_low, j2_high, memo_type, memo_len] =
            *bytes.get(CONTACT_KEY.end..).and_then(<[u8]>::first_chunk::<6>).ok_or_else(too_short)?;
        let (first, last) = (u16::from_le_bytes([j1_low, j1_high]), u16::from_le_bytes([j2_low, j2_high]));
        // The length is one unsigned byte, and nothing may follow the signature: trailing bytes would give one report many names.
        if bytes.len() != MEMO + usize::from(memo_len) + SIGNATURE {
            return Err(Malformed::new("memo_len", "must agree with the length of the report, 134 bytes without memo"));
        }
        check_span(first, last)?;
        Ok(Self { bytes: bytes.to_vec(), first, last, memo_type: MemoType::try_from(memo_type)? })
    }

    /// Reports the numbers `first..=last` of `key`, signed.
    ///
    /// # Errors
    /// `j1`, `j2` as for [`decode`](Self::decode).
    pub fn create(key: &ReportAuthorizationKey, memo: &Memo, first: u16, last: u16) -> Result<Self, Malformed> {
        check_span(first, last)?;
        let mut before_first = key.initial_contact_key();
        for _ in 1..first {
            before_first = before_first.ratchet().expect("at most 65,534 steps from tck_0");
        }
        let memo_len = u8::try_from(memo.data().len()).expect("a memo has at most 255 bytes");

        let mut bytes = Vec::with_capacity(MEMO + memo.data().len() + SIGNATURE);
        bytes.extend_from_slice(&key.verification_key());
        bytes.extend_from_slice(before_first.bytes());
        bytes.extend_from_slice(&first.to_le_bytes());
        bytes.extend_from_slice(&last.to_le_bytes());
        bytes.extend_from_slice(&[memo.kind() as u8, memo_len]);
        bytes.extend_from_slice(memo.data());
        let signature = key.signing_key().sign(&bytes);
        bytes.extend_from_slice(&signature.to_bytes());
        Ok(Self { bytes, first, last, memo_type: memo.kind() })
    }

    /// Checks the signature strictly: RFC 8032, with `s` in range and neither `rvk` nor `R` of small order.
    ///
    /// # Errors
    /// [`BadSignature`], without a reason.
    pub fn verify(&self) -> Result<(), BadSignature> {
        let (report, signature) = self.bytes.split_at(self.bytes.len() - SIGNATURE);
        let key = VerifyingKey::from_bytes(self.verification_key()).map_err(|_| BadSignature)?;
        let signature = Signature::from_slice(signature).map_err(|_| BadSignature)?;
        key.verify_strict(report, &signature).map_err(|_| BadSignature)
    }

    /// The bytes as received: report and signature.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The report verification key: the report's identity.
    pub fn verification_key(&self) -> &[u8; 32] {
        self.bytes.first_chunk().expect("a signed report has at least 134 bytes")
    }

    /// `j1`: the first number that the report covers.
    pub fn first(&self) -> u16 {
        self.first
    }

    /// `j2`: the last number that the report covers.
    pub fn last(&self) -> u16 {
        self.last
    }

    /// How many numbers the report covers, `j2 - j1 + 1`.
    pub fn span(&self) -> u32 {
        span(self.first, self.last)
    }

    /// The memo's type.
    pub fn memo_type(&self) -> MemoType {
        self.memo_type
    }

    /// The memo's data.
    pub fn memo_data(&self) -> &[u8] {
        &self.bytes[MEMO..self.bytes.len() - SIGNATURE]
    }

    /// The numbers `j1..=j2`, both ends included, in order.
    pub fn numbers(&self) -> impl Iterator<Item = TemporaryContactNumber> + use<> {
        let bytes = self.bytes[CONTACT_KEY].try_into().expect("the range is 32 bytes long");
        let mut key = TemporaryContactKey::from_parts(self.first - 1, *self.verification_key(), bytes);
        // Ratcheting comes before the number, so the key after j2, which need not exist, is never asked for.
        (0..self.span()).map_while(move |_| {
            key = key.ratchet()?;
            key.number()
        })
    }
}

/// A report's bytes never reach a log.
impl std::fmt::Debug for SignedReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedReport({} bytes)", self.bytes.len())
    }
}

/// How many numbers `first..=last` are; saturates at none if they are the wrong way round.
fn span(first: u16, last: u16) -> u32 {
    (u32::from(last) + 1).saturating_sub(u32::from(first))
}

/// An unbounded span would turn 389 bytes into 65,535 numbers on every phone.
fn check_span(first: u16, last: u16) -> Result<(), Malformed> {
    if first == 0 {
        return Err(Malformed::new("j1", "must be 1 to 65535"));
    }
    if last < first {
        return Err(Malformed::new("j2", "must be at least j1"));
    }
    if span(first, last) > MAX_SPAN {
        return Err(Malformed::new("j2", "must be at most 1,344 more than j1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ReportAuthorizationKey {
        ReportAuthorizationKey::from_seed([7; 32])
    }

    fn report(memo: &[u8], first: u16, last: u16) -> Result<SignedReport, Malformed> {
        SignedReport::create(&key(), &Memo::new(MemoType::CovidWatchV1, memo).expect("fits"), first, last)
    }

    fn bytes() -> Vec<u8> {
        report(b"memo", 2, 10).expect("valid").as_bytes().to_vec()
    }

    /// The field that is refused once `index` holds `value`.
    fn refused(index: usize, value: &[u8]) -> Option<&'static str> {
        let mut bytes = bytes();
        bytes[index..index + value.len()].copy_from_slice(value);
        SignedReport::decode(&bytes).err().map(|refusal| refusal.field)
    }

    #[test]
    fn a_report_says_what_it_was_made_of() {
        for length in [0, 1, 127, 128, 254, 255] {
            let memo = vec![0xee; length];
            let made = report(&memo, 2, 10).expect("valid");
            let read = SignedReport::decode(made.as_bytes()).expect("valid");
            assert_eq!(read, made);
            assert_eq!(read.as_bytes().len(), 134 + length);
            assert_eq!((read.first(), read.last(), read.span()), (2, 10, 9));
            assert_eq!((read.memo_type(), read.memo_data()), (MemoType::CovidWatchV1, &memo[..]));
            assert_eq!(read.verification_key(), &key().verification_key());
            assert_eq!(read.verify(), Ok(()));
        }
    }

    #[test]
    fn bytes_of_another_length_are_refused() {
        let bytes = bytes();
        for length in 0..bytes.len() {
            assert!(SignedReport::decode(&bytes[..length]).is_err(), "{length}");
        }
        let trailing = [&bytes[..], &[0]].concat();
        assert_eq!(SignedReport::decode(&trailing).expect_err("one byte more").field, "memo_len");
        assert!(SignedReport::decode(&[0; 100_000]).is_err());
        // A length of 128 or more, read as a signed byte, would be negative.
        for memo_len in [3, 5, 128, 255] {
            assert_eq!(refused(69, &[memo_len]), Some("memo_len"));
        }
    }

    #[test]
    fn a_span_is_1_to_1345_numbers() {
        let field = |first, last| report(b"", first, last).err().map(|refusal| refusal.field);
        assert_eq!(field(0, 5), Some("j1"));
        assert_eq!(field(0, 0), Some("j1"));
        assert_eq!(field(6, 5), Some("j2"));
        assert_eq!(field(1, 1_346), Some("j2"));
        assert_eq!(field(1, u16::MAX), Some("j2"));
        assert_eq!(field(1, 1_345), None);
        assert_eq!(field(5, 5), None);
        assert_eq!(refused(64, &[0, 0]), Some("j1"));
        assert_eq!(refused(64, &[11, 0]), Some("j2"));
        assert_eq!(refused(66, &[0xff, 0xff]), Some("j2"));
        assert_eq!(refused(68, &[4]), Some("memo_type"));
        assert_eq!(refused(68, &[255]), Some("memo_type"));
    }

    #[test]
    fn the_last_numbers_there_are_can_be_reported() {
        let report = report(b"", u16::MAX - 2, u16::MAX).expect("valid");
        assert_eq!(report.verify(), Ok(()));
        let numbers: Vec<_> = report.numbers().collect();
        assert_eq!(numbers.len(), 3);
        let mut key = key().initial_contact_key();
        let mut expected = Vec::new();
        while let Some(next) = key.ratchet() {
            key = next;
            expected.extend(key.number().filter(|_| key.index() >= u16::MAX - 2));
        }
        assert_eq!(numbers, expected);
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let bytes = bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let believed = SignedReport::decode(&flipped).is_ok_and(|report| report.verify().is_ok());
            assert!(!believed, "bit {bit}");
        }
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // Under the neutral element, R = identity and s = 0 satisfy the equation of RFC 8032 for every message.
        let mut bytes = bytes();
        let signature = bytes.len() - SIGNATURE;
        let neutral = std::array::from_fn::<u8, 32, _>(|index| u8::from(index == 0));
        bytes[..32].copy_from_slice(&neutral);
        bytes[signature..signature + 32].copy_from_slice(&neutral);
        bytes[signature + 32..].fill(0);
        let report = SignedReport::decode(&bytes).expect("well formed");
        assert_eq!(report.verify(), Err(BadSignature));
    }

    #[test]
    fn a_report_is_not_shown() {
        assert_eq!(format!("{:?}", report(b"memo", 2, 10).expect("valid")), "SignedReport(138 bytes)");
    }
}
