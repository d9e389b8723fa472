//! What holds for the reports of one upload together.

use std::collections::HashSet;

use super::report::SignedReport;
use crate::error::Malformed;

/// The longest span of all reports of one upload together, in numbers.
pub const MAX_UPLOAD_SPAN: u32 = 1_400;

/// Checks the rules that bind the reports of one upload: together they cover at most [`MAX_UPLOAD_SPAN`] numbers, and no two share an
/// `rvk`, because two reports under one `rvk` are visibly one person.
///
/// # Errors
/// `reports`, and which rule.
pub fn check_upload<'a>(reports: impl IntoIterator<Item = &'a SignedReport>) -> Result<(), Malformed> {
    let (mut keys, mut span) = (HashSet::new(), 0_u32);
    for report in reports {
        if !keys.insert(report.verification_key()) {
            return Err(Malformed::new("reports", "must have one report for each rvk"));
        }
        span = span.saturating_add(report.span());
    }
    if span > MAX_UPLOAD_SPAN {
        return Err(Malformed::new("reports", "must cover at most 1,400 numbers together"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcn::{Memo, MemoType, ReportAuthorizationKey};

    fn report(seed: u8, span: u16) -> SignedReport {
        let memo = Memo::new(MemoType::CoEpiV1, &[]).expect("fits");
        SignedReport::create(&ReportAuthorizationKey::from_seed([seed; 32]), &memo, 1, span).expect("valid")
    }

    #[test]
    fn the_reports_of_an_upload_cover_at_most_1400_numbers() {
        assert_eq!(check_upload(&[]), Ok(()));
        assert_eq!(check_upload(&[report(1, 1_345), report(2, 55)]), Ok(()));
        let refusal = check_upload(&[report(1, 1_345), report(2, 56)]).expect_err("1,401 numbers");
        assert_eq!(refusal.to_string(), "reports: must cover at most 1,400 numbers together");
    }

    #[test]
    fn one_key_reports_once() {
        let refusal = check_upload(&[report(1, 5), report(2, 5), report(1, 6)]).expect_err("one rvk twice");
        assert_eq!(refusal.to_string(), "reports: must have one report for each rvk");
    }
}
