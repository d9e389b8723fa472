//! What holds for the reports of one upload together.

use std::collections::HashSet;

use crate::error::Malformed;
use crate::tcn::SignedReport;

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
