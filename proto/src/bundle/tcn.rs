//! A report as it stands in a TCN bundle (message `TcnReport`).

use sha2::{Digest, Sha256};

use crate::bundle::Entry;
use crate::bundle::wire;
use crate::error::Malformed;
use crate::feed::Kind;
use crate::report_type::ReportType;
use crate::tcn::SignedReport;

const SIGNED_REPORT: u32 = 1;
const REPORT_TYPE: u32 = 2;
const CLASS: u32 = 3;

/// Whose word stands behind a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TcnClass {
    /// Certified by a health authority.
    Verified = 1,
    /// The person's own word.
    SelfReported = 2,
}

/// A report as published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcnEntry {
    /// The report.
    pub report: SignedReport,
    /// What the authority says.
    pub report_type: ReportType,
    /// Whose word it is.
    pub class: TcnClass,
}

impl Entry for TcnEntry {
    const KIND: Kind = Kind::Tcn;

    /// From the most to the least significant bit: report type, memo type, memo length, span.
    fn class(&self) -> i64 {
        let report_type = i64::from(self.report_type.export_value());
        let memo_type = i64::from(self.report.memo_type() as u8);
        // A memo has at most 255 bytes and a span at most 65,535 numbers: both fit their bits.
        let memo_length = self.report.memo_data().len() as i64;
        ((report_type << 8 | memo_type) << 8 | memo_length) << 16 | i64::from(self.report.span())
    }

    fn order_bytes(&self) -> &[u8] {
        self.report.as_bytes()
    }

    /// SHA-256 of the signed report.
    fn withdrawal(&self) -> Option<[u8; 32]> {
        Some(Sha256::digest(self.report.as_bytes()).into())
    }

    fn encode(&self, field: u32, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let report = self.report.as_bytes();
        // A report is longer than 127 and shorter than 16,384 bytes, so its own head is one byte of key and two of length.
        wire::put_length(out, field, 3 + report.len() + 2 + 2);
        wire::put_bytes(out, SIGNED_REPORT, report);
        wire::put_number(out, REPORT_TYPE, self.report_type.export_value().into());
        wire::put_number(out, CLASS, self.class as u64);
        Ok(())
    }
}

impl TcnEntry {
    /// Reads one message; the report must be well formed, its signature is not checked.
    pub(super) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (mut report, mut report_type, mut class) = (None, 0, 0);
        for field in wire::fields(message) {
            let field = field?;
            match field.number {
                SIGNED_REPORT => report = Some(field.bytes("signed_report")?),
                REPORT_TYPE => report_type = field.int32("report_type")?,
                CLASS => class = field.int32("class")?,
                _ => {}
            }
        }
        let report = report.ok_or_else(|| Malformed::new("signed_report", "must be there"))?;
        let report_type = ReportType::from_export_value(report_type.into());
        let class = match class {
            1 => TcnClass::Verified,
            2 => TcnClass::SelfReported,
            _ => return Err(Malformed::new("class", "must be 1 or 2")),
        };
        Ok(Self {
            report: SignedReport::decode(report)?,
            report_type: report_type.ok_or_else(|| Malformed::new("report_type", "must be 1, 2, 3 or 5"))?,
            class,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated;
    use crate::tcn::{Memo, MemoType, ReportAuthorizationKey};
    use prost::Message;

    fn entry(memo: &[u8], class: TcnClass) -> TcnEntry {
        let key = ReportAuthorizationKey::from_seed([9; 32]);
        let memo = Memo::new(MemoType::CovidWatchV1, memo).expect("short");
        let report = SignedReport::create(&key, &memo, 1, 24).expect("in range");
        TcnEntry { report, report_type: ReportType::Likely, class }
    }

    fn message(entry: &TcnEntry) -> generated::TcnReport {
        generated::TcnReport {
            signed_report: Some(entry.report.as_bytes().to_vec()),
            report_type: Some(entry.report_type.export_value().into()),
            class: Some(entry.class as i32),
        }
    }

    #[test]
    fn a_report_is_encoded_as_prost_does_and_comes_back() {
        for (length, class) in [(0, TcnClass::Verified), (1, TcnClass::SelfReported), (255, TcnClass::Verified)] {
            let entry = entry(&vec![1; length], class);
            let mut ours = Vec::new();
            entry.encode(7, &mut ours).expect("always fits");
            let export = generated::TcnReportExport { reports: vec![message(&entry)], ..Default::default() };
            assert_eq!(ours, export.encode_to_vec());
            assert_eq!(TcnEntry::decode(&message(&entry).encode_to_vec()), Ok(entry));
        }
    }

    #[test]
    fn reports_order_by_type_then_memo_type_then_memo_length_then_span() {
        let of = |report_type, memo_type, memo: &[u8], last| {
            let memo = Memo::new(memo_type, memo).expect("short");
            let report = SignedReport::create(&ReportAuthorizationKey::from_seed([9; 32]), &memo, 1, last);
            TcnEntry { report: report.expect("in range"), report_type, class: TcnClass::Verified }.class()
        };
        let ascending = [
            of(ReportType::Confirmed, MemoType::CoEpiV1, &[9], 2),
            of(ReportType::Confirmed, MemoType::CoEpiV1, &[1], 1_345),
            of(ReportType::Confirmed, MemoType::CoEpiV1, &[1; 255], 1),
            of(ReportType::Confirmed, MemoType::HutchTrace, &[], 1),
            of(ReportType::Likely, MemoType::CoEpiV1, &[], 1),
            of(ReportType::Negative, MemoType::CoEpiV1, &[], 1),
        ];
        assert!(ascending.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_report_with_an_unknown_type_or_class_is_refused() {
        type Defect = fn(&mut generated::TcnReport);
        let defects: [(&str, Defect); 6] = [
            ("signed_report", |report| report.signed_report = None),
            ("report_type", |report| report.report_type = None),
            ("report_type", |report| report.report_type = Some(4)),
            ("report_type", |report| report.report_type = Some(6)),
            ("class", |report| report.class = None),
            ("class", |report| report.class = Some(3)),
        ];
        for (field, spoil) in defects {
            let mut report = message(&entry(&[1], TcnClass::Verified));
            spoil(&mut report);
            assert_eq!(TcnEntry::decode(&report.encode_to_vec()).expect_err(field).field, field);
        }
    }
}
