//! Reports without a certificate, as apps in the field send them: `POST /tcnreport/0.4.0` (CoEpi) and `POST /submitReport` (Covid
//! Watch); and `POST /v1/challenge`, for authorities that ask for proof of work.
//!
//! The two apps were written against servers of their own and cannot be changed any more, so their bodies are read as they come: without
//! a look at the Content-Type, and with fields that we do not know. Nothing is lost by that, since the report is signed.

use std::str;

use serde::{Deserialize, Serialize};

use super::absent::or_default;
use super::base64;
use super::padding::padded;
use crate::error::Malformed;
use crate::tcn::SignedReport;

/// The header that carries a proof of work beside a report: what [`Proof`](crate::proof_of_work::Proof) writes.
pub const PROOF_HEADER: &str = "X-Proof-Of-Work";

/// Reads CoEpi's body: bare base64 of one signed report.
///
/// # Errors
/// `body` if it is no base64, else as [`SignedReport::decode`].
pub fn read_tcnreport(body: &[u8]) -> Result<SignedReport, Malformed> {
    let text = str::from_utf8(body).map_err(|_| Malformed::new("body", "must be base64"))?;
    SignedReport::decode(&base64::decode("body", text)?)
}

/// Covid Watch's body: the parts of one signed report. Numbers are wide so that a value out of range is refused by name and not by the
/// parser; bytes are base64.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SubmitReportRequest {
    /// `tck_{j1-1}`: 32 bytes.
    #[serde(default, deserialize_with = "or_default")]
    pub temporary_contact_key_bytes: String,
    /// `j1`. On iPhones this is a signed number of 16 bits: a negative one means 65,536 more.
    #[serde(default, deserialize_with = "or_default")]
    pub start_index: i64,
    /// `j2`, in the same way.
    #[serde(default, deserialize_with = "or_default")]
    pub end_index: i64,
    /// The memo: at most 255 bytes.
    #[serde(default, deserialize_with = "or_default")]
    pub memo_data: String,
    /// The memo's type.
    #[serde(default, deserialize_with = "or_default")]
    pub memo_type: i64,
    /// `rvk`: 32 bytes.
    #[serde(default, deserialize_with = "or_default")]
    pub report_verification_public_key_bytes: String,
    /// The signature over the other parts: 64 bytes.
    #[serde(default, deserialize_with = "or_default")]
    pub signature_bytes: String,
}

impl SubmitReportRequest {
    /// Puts the parts together to the bytes that were signed.
    ///
    /// # Errors
    /// Names the first part that does not hold, by its name here or as [`SignedReport::decode`].
    pub fn report(&self) -> Result<SignedReport, Malformed> {
        let rvk = part::<32>("report_verification_public_key_bytes", &self.report_verification_public_key_bytes)?;
        let contact_key = part::<32>("temporary_contact_key_bytes", &self.temporary_contact_key_bytes)?;
        let (first, last) = (index("start_index", self.start_index)?, index("end_index", self.end_index)?);
        let memo_type = u8::try_from(self.memo_type).map_err(|_| Malformed::new("memo_type", "must be 0 to 3"))?;
        let memo = base64::decode("memo_data", &self.memo_data)?;
        let memo_len =
            u8::try_from(memo.len()).map_err(|_| Malformed::new("memo_data", "must be at most 255 bytes"))?;
        let signature = part::<64>("signature_bytes", &self.signature_bytes)?;
        let (first, last) = (first.to_le_bytes(), last.to_le_bytes());
        SignedReport::decode(
            &[&rvk[..], &contact_key, &first, &last, &[memo_type, memo_len], &memo, &signature].concat(),
        )
    }
}

impl From<&SignedReport> for SubmitReportRequest {
    fn from(report: &SignedReport) -> Self {
        let bytes = report.as_bytes();
        let (signed, signature) = bytes.split_at(bytes.len() - 64);
        Self {
            temporary_contact_key_bytes: base64::encode(&signed[32..64]),
            start_index: report.first().into(),
            end_index: report.last().into(),
            memo_data: base64::encode(report.memo_data()),
            memo_type: signed[68].into(),
            report_verification_public_key_bytes: base64::encode(&signed[..32]),
            signature_bytes: base64::encode(signature),
        }
    }
}

/// Bytes of a fixed length.
fn part<const N: usize>(name: &'static str, text: &str) -> Result<[u8; N], Malformed> {
    let bytes = base64::decode(name, text)?;
    bytes.try_into().map_err(|_| Malformed::new(name, format!("must be {N} bytes")))
}

/// A number of 16 bits, whichever way its sign was read.
fn index(name: &'static str, number: i64) -> Result<u16, Malformed> {
    let unsigned = if (-32_768..0).contains(&number) { number + 65_536 } else { number };
    u16::try_from(unsigned).map_err(|_| Malformed::new(name, "must be -32768 to 65535"))
}

/// The body of `POST /v1/challenge`: nothing but padding.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChallengeRequest {
    /// Anything.
    #[serde(default, deserialize_with = "or_default")]
    pub padding: String,
}

/// The reply to it: a challenge that is good for one report, see [`proof_of_work`](crate::proof_of_work).
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeReply {
    /// To be sent back as it is: ASCII letters, digits, `-` and `_`.
    pub challenge: String,
    /// Until when it is taken: UTC seconds since 1970.
    pub expires_at: i64,
    /// The memory of one try, in KiB.
    pub memory_kib: u32,
    /// The passes over that memory.
    pub passes: u32,
    /// How many bits of the result must be zero.
    pub bits: u32,
    /// Fills every reply to one size.
    #[serde(default)]
    pub padding: String,
}

padded!(ChallengeRequest, ChallengeReply);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::parse_body;
    use crate::tcn::{Memo, MemoType, ReportAuthorizationKey};

    fn report(memo: &[u8], first: u16, last: u16) -> SignedReport {
        let memo = Memo::new(MemoType::CovidWatchV1, memo).expect("short");
        let key = ReportAuthorizationKey::from_seed([3; 32]);
        SignedReport::create(&key, &memo, first, last).expect("in range")
    }

    /// The parts of a report as an iPhone sends them.
    fn parts(report: &SignedReport) -> SubmitReportRequest {
        let (bytes, signature) = report.as_bytes().split_at(report.as_bytes().len() - 64);
        let signed = |number: u16| i64::from(i16::from_le_bytes(number.to_le_bytes()));
        SubmitReportRequest {
            temporary_contact_key_bytes: base64::encode(&bytes[32..64]),
            start_index: signed(report.first()),
            end_index: signed(report.last()),
            memo_data: base64::encode(report.memo_data()),
            memo_type: 1,
            report_verification_public_key_bytes: base64::encode(&bytes[..32]),
            signature_bytes: base64::encode(signature),
        }
    }

    #[test]
    fn both_dialects_say_the_same_report() {
        for (memo, first, last) in [(&b""[..], 1, 24), (&[7; 200], 32_760, 32_770), (&[1; 255], 65_000, 65_535)] {
            let report = report(memo, first, last);
            assert_eq!(read_tcnreport(base64::encode(report.as_bytes()).as_bytes()), Ok(report.clone()));
            assert_eq!(parts(&report).report(), Ok(report.clone()));
            assert_eq!(SubmitReportRequest::from(&report).report(), Ok(report.clone()));
            assert_eq!(report.verify(), Ok(()));
        }
    }

    #[test]
    fn an_index_is_16_bits_whichever_way_its_sign_was_read() {
        for (sent, meant) in [(0, 0), (1, 1), (32_767, 32_767), (32_768, 32_768), (-32_768, 32_768), (-1, 65_535)] {
            assert_eq!(index("start_index", sent), Ok(meant), "{sent}");
        }
        for sent in [-32_769, 65_536, i64::MIN, i64::MAX] {
            assert_eq!(index("end_index", sent).expect_err("out of range").field, "end_index");
        }
    }

    #[test]
    fn a_part_that_does_not_hold_is_refused_by_its_name() {
        type Defect = fn(&mut SubmitReportRequest);
        let defects: [(&str, Defect); 12] = [
            ("temporary_contact_key_bytes", |parts| parts.temporary_contact_key_bytes.clear()),
            ("temporary_contact_key_bytes", |parts| parts.temporary_contact_key_bytes = "!".to_owned()),
            ("report_verification_public_key_bytes", |parts| parts.report_verification_public_key_bytes.clear()),
            ("signature_bytes", |parts| parts.signature_bytes = base64::encode(&[0; 65])),
            ("memo_data", |parts| parts.memo_data = base64::encode(&[0; 256])),
            ("memo_data", |parts| parts.memo_data = "*".to_owned()),
            ("memo_type", |parts| parts.memo_type = 4),
            ("memo_type", |parts| parts.memo_type = -1),
            ("start_index", |parts| parts.start_index = 65_536),
            ("j1", |parts| parts.start_index = 0),
            ("j2", |parts| parts.end_index = 1),
            ("j2", |parts| parts.end_index = -1),
        ];
        for (field, spoil) in defects {
            let mut parts = parts(&report(b"a", 2, 10));
            spoil(&mut parts);
            assert_eq!(parts.report().expect_err(field).field, field);
        }
    }

    #[test]
    fn the_bodies_of_apps_are_read_as_they_come() {
        let report = report(b"a", 2, 10);
        let json = serde_json::to_string(&parts(&report)).expect("JSON");
        let with_more = json.replacen('{', r#"{"platform":"iOS","report":null,"#, 1);
        let read: SubmitReportRequest = parse_body(with_more.as_bytes()).expect("unknown fields are passed over");
        assert_eq!(read.report(), Ok(report.clone()));
        // Android's encoder breaks lines.
        let broken = base64::encode(report.as_bytes()).replace("AAA", "AAA\r\n") + "\n";
        assert_eq!(read_tcnreport(broken.as_bytes()), Ok(report));
        for body in [&b"\xff"[..], b"", b"{}", b"\"AAAA\"", b"!"] {
            assert!(read_tcnreport(body).is_err());
        }
    }
}
