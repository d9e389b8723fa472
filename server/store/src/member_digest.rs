//! The digest that freezes a bundle's members: whoever reads them later can tell that none is missing, added or changed.

use proto::ReportType;
use proto::bundle::{GaenEntry, TcnEntry};
use sha2::{Digest, Sha256};

use crate::bundles::Member;

/// What the digest begins with, so that it can never be taken for one of something else.
const DOMAIN: &[u8] = b"pratique/members/v1\n";
/// Stands for days since onset that are left out; published values lie between -14 and 14.
const NO_DAYS: i8 = i8::MIN;

/// SHA-256 over a bundle's members in bundle order, each one written as
///
/// - a key: `0x01`, whether it is revised (1 byte), the key (16), rolling start (4, big-endian), rolling period, transmission risk, report type
///   (its value in `export.bin`, 0 if left out), days since onset (two's complement, -128 if left out; 1 byte each),
/// - a report: `0x02`, whether it is revised, report type, whose word it is (1 byte each), length (2, big-endian), the signed report.
#[derive(Clone)]
pub struct MemberDigest(Sha256);

impl Default for MemberDigest {
    fn default() -> Self {
        Self::new()
    }
}

impl MemberDigest {
    /// The digest of no members yet.
    pub fn new() -> Self {
        Self(Sha256::new_with_prefix(DOMAIN))
    }

    /// Appends the next member in bundle order.
    pub fn push(&mut self, revised: bool, member: &Member) {
        match member {
            Member::Gaen(entry) => self.push_key(revised, entry),
            Member::Tcn(entry) => self.push_report(revised, entry),
        }
    }

    /// The 32 bytes.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    fn push_key(&mut self, revised: bool, entry: &GaenEntry) {
        let days = entry.days_since_onset.unwrap_or(NO_DAYS);
        let mut bytes = [0; 26];
        bytes[0] = 1;
        bytes[1] = revised.into();
        bytes[2..18].copy_from_slice(entry.key.data());
        bytes[18..22].copy_from_slice(&entry.key.rolling_start().number().to_be_bytes());
        bytes[22] = entry.key.rolling_period();
        bytes[23] = entry.transmission_risk;
        bytes[24] = entry.report_type.map_or(0, ReportType::export_value);
        bytes[25] = days.to_be_bytes()[0];
        self.0.update(bytes);
    }

    fn push_report(&mut self, revised: bool, entry: &TcnEntry) {
        let report = entry.report.as_bytes();
        // A signed report has at most 389 bytes.
        let length = u16::try_from(report.len()).unwrap_or(u16::MAX);
        self.0.update([2, revised.into(), entry.report_type.export_value(), entry.class as u8]);
        self.0.update(length.to_be_bytes());
        self.0.update(report);
    }
}

#[cfg(test)]
mod tests {
    use proto::gaen::TemporaryExposureKey;

    use super::*;

    fn entry(byte: u8, days: Option<i8>) -> Member {
        let key = TemporaryExposureKey::new(&[byte; 16], 2_650_000, 144).expect("valid");
        Member::Gaen(GaenEntry {
            key,
            transmission_risk: 3,
            report_type: Some(ReportType::Confirmed),
            days_since_onset: days,
        })
    }

    fn digest(members: &[(bool, Member)]) -> [u8; 32] {
        let mut digest = MemberDigest::new();
        for (revised, member) in members {
            digest.push(*revised, member);
        }
        digest.finish()
    }

    #[test]
    fn the_digest_is_over_the_documented_bytes() {
        let mut bytes = b"pratique/members/v1\n\x01\x00".to_vec();
        bytes.extend([7; 16]);
        bytes.extend([0x00, 0x28, 0x6f, 0x90, 144, 3, 1, 0xfe]);
        assert_eq!(digest(&[(false, entry(7, Some(-2)))]), <[u8; 32]>::from(Sha256::digest(bytes)));
    }

    #[test]
    fn any_difference_makes_another_digest() {
        let members = [
            vec![],
            vec![(false, entry(1, None))],
            vec![(true, entry(1, None))],
            vec![(false, entry(1, Some(0)))],
            vec![(false, entry(1, None)), (false, entry(2, None))],
            vec![(false, entry(2, None)), (false, entry(1, None))],
        ];
        let digests: std::collections::HashSet<_> = members.iter().map(|m| digest(m)).collect();
        assert_eq!(digests.len(), members.len());
    }
}
