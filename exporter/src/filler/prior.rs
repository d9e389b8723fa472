//! What people look like as long as too few have come to tell.
//!
//! Only what a feed cannot show with a single upload is assumed: how the days from onset to upload spread, how far back keys go, whether the key of the
//! day comes too, and that some diagnoses are likely ones. Risks, the word on which onsets rest, and rolling periods are always taken from the feed
//! itself, because apps differ in them and a guess would stand out.

use proto::ReportType;

/// The prior weighs as much as so many people, however many are known.
pub(super) const PEOPLE: f64 = 4.0;
/// With fewer keys of people than this, report types are the prior's as well.
pub(super) const FEW_KEYS: usize = 50;

/// Report types: most diagnoses rest on a test.
pub(super) const REPORT_TYPES: [(ReportType, f64); 2] = [(ReportType::Confirmed, 0.9), (ReportType::Likely, 0.1)];

/// Of how many of a hundred the onset was 0, 1, 2, ... days before the upload. Symptoms come first, then the test, its result, and the code: five days
/// as a rule, in both directions less often.
pub(super) const ONSETS: [f64; 15] = [2.0, 5.0, 9.0, 13.0, 14.0, 13.0, 11.0, 9.0, 7.0, 5.0, 4.0, 3.0, 2.0, 2.0, 1.0];

/// The share of people who upload today's key too: some apps release it, some keep it back.
pub(super) const TODAY: f64 = 0.5;

/// The share of people whose keys go back at least so many days. A phone keeps 14; some were installed or cleared lately.
pub(super) fn survival(days: u8) -> f64 {
    match days {
        0 | 1 => 1.0,
        2..=14 => 1.0 - 0.02 * f64::from(days - 1),
        _ => 0.0,
    }
}
