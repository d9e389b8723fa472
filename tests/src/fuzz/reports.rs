//! TCN signed reports.

use proto::Malformed;
use proto::tcn::{MAX_SPAN, SignedReport};

/// A signed report: what is decoded stands for exactly the bytes that came in, and its span is bounded.
pub fn report(data: &[u8]) {
    match SignedReport::decode(data) {
        Ok(report) => {
            assert_eq!(report.as_bytes(), data);
            assert!((134..=389).contains(&data.len()));
            assert!(report.first() >= 1 && report.first() <= report.last() && report.span() <= MAX_SPAN);
            // Expansion is what every phone pays for a report: it must cost what the span says.
            assert_eq!(report.numbers().count(), report.span() as usize);
            let _ = report.verify();
        }
        Err(refusal) => assert_plain(&refusal),
    }
}

/// A refusal is one short line that can be logged: it names a field and does not carry the input along.
pub(super) fn assert_plain(refusal: &Malformed) {
    assert!(!refusal.field.is_empty() && refusal.field.len() <= 64, "{refusal}");
    assert!(refusal.reason.len() <= 200, "{refusal}");
    // Our own words are ASCII; anything else came from the input.
    assert!(refusal.reason.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{refusal:?}");
}
