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
    /// A commitment over nothing that anybody knows of.
    pub const UNKNOWN: Self = Self([0; 32]);

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

    /// Eight bytes for each key of an upload, which only the upload leads to. The key of the HMAC is drawn for each upload, so that they tell nothing
    /// of one another, and nobody else has it. No commitment is over the same text: base64 has no spaces.
    pub fn prove(&self, key: &[u8; 16]) -> [u8; 8] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"pratique revision proof v1 ");
        mac.update(key);
        *mac.finalize().into_bytes().first_chunk().expect("an HMAC-SHA256 has 32 bytes")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::base64;

    /// The keys of the Exposure Notifications API's example; the HMAC key is 01 02 .. 10.
    const KEYS: [&str; 2] = ["z2Cx9hdz2SlxZ8GEgqTYpA==", "dPCphLzfG4uzXneNimkPRQ=="];

    fn hmac_key() -> HmacKey {
        HmacKey::new(&std::array::from_fn::<u8, 16, _>(|index| index as u8 + 1)).expect("16 bytes")
    }

    fn segments(risks: [i64; 2]) -> [KeySegment<'static>; 2] {
        let segment = |index: usize, rolling_start| KeySegment {
            key: KEYS[index],
            rolling_start,
            rolling_period: 144,
            transmission_risk: risks[index],
        };
        [segment(0, 1), segment(1, 144)]
    }

    fn commitment(text: &str) -> Commitment {
        Commitment::new(&base64::decode("ekeyhmac", text).expect("base64")).expect("32 bytes")
    }

    #[test]
    fn commitments_of_the_api_are_reproduced() {
        let with_risks = commitment("2u1nHt5WWurJytFLF3xitNzM99oNrad2y4YGOL53AeY=");
        assert_eq!(hmac_key().commit_keys(&segments([3, 5])), with_risks);
        let riskless = commitment("mFNI9zhTA17n4ndd1Vu5tsn4XQX0gPrIKyjeh/9noUE=");
        assert_eq!(hmac_key().commit_keys(&segments([0, 0])), riskless);
        let older = commitment("J9S7xVebH/66dm14wGsIcAnSUR3PHD4NtDQEOGZbDUo=");
        assert!(hmac_key().covers_keys(&segments([0, 0]), &older));
    }

    #[test]
    fn the_form_without_risks_counts_only_if_every_risk_is_0() {
        let older = commitment("J9S7xVebH/66dm14wGsIcAnSUR3PHD4NtDQEOGZbDUo=");
        for risks in [[3, 5], [0, 5], [3, 0], [0, -1]] {
            assert!(!hmac_key().covers_keys(&segments(risks), &older), "{risks:?}");
        }
    }

    #[test]
    fn the_order_of_an_upload_does_not_matter() {
        let [first, second] = segments([3, 5]);
        let committed = hmac_key().commit_keys(&[first, second]);
        assert!(hmac_key().covers_keys(&[second, first], &committed));
        let committed = hmac_key().commit_reports(&["b", "a", "c"]);
        assert!(hmac_key().covers_reports(&["c", "b", "a"], &committed));
    }

    #[test]
    fn a_commitment_covers_exactly_what_was_committed_to() {
        let [first, second] = segments([3, 5]);
        let committed = hmac_key().commit_keys(&[first, second]);
        let changed = [
            vec![first],
            vec![first, second, second],
            vec![],
            vec![first, KeySegment { rolling_start: 145, ..second }],
            vec![first, KeySegment { rolling_period: 143, ..second }],
            vec![first, KeySegment { transmission_risk: 6, ..second }],
            vec![first, KeySegment { key: KEYS[0], ..second }],
        ];
        for keys in changed {
            assert!(!hmac_key().covers_keys(&keys, &committed));
        }
        let committed = hmac_key().commit_reports(&["a", "b"]);
        for reports in [&["a"][..], &["a", "b", "b"], &[], &["a", "c"], &["a,b", ""]] {
            assert!(!hmac_key().covers_reports(reports, &committed));
        }
        let other = HmacKey::new(&[7; 16]).expect("16 bytes");
        assert!(!other.covers_reports(&["a", "b"], &committed));
    }

    #[test]
    fn lengths_are_checked() {
        assert_eq!(HmacKey::new(&[0; 15]).err().expect("too short").field, "hmacKey");
        assert!(HmacKey::new(&[0; 300]).is_ok());
        for length in [0, 31, 33] {
            assert_eq!(Commitment::new(&vec![0; length]).expect_err("not 32 bytes").field, "ekeyhmac");
        }
    }

    #[test]
    fn a_commitment_is_not_shown() {
        assert_eq!(format!("{:?}", hmac_key().commit_reports(&["a"])), "Commitment(..)");
    }
}
