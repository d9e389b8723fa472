//! What an authority may know of its uploads in numbers, and what of it is withheld.
//!
//! - A day is shown 48 hours after it is over. Nothing counts for it any more then, so that whoever asks twice sees the same, and learns nothing from
//!   what changed in between.
//! - A day on which fewer than ten people uploaded is not shown at all. People are counted and not requests or keys: who repeats an upload, or adds
//!   to it, is one.
//! - Every number is rounded down to a multiple of ten, each cell of a distribution too. So 0 is anything below ten, and no cell can be one person's
//!   alone. Nor can what is left over be reckoned: a shown number may be up to nine more, the distributions have sixteen and thirty cells, and any of
//!   those that show 0 may hold whatever the others leave.
//! - Keys and reports are counted apart: what is shown of one is withheld while its own uploads are below ten.
//!
//! An authority that uploads for itself ten times sees whether an eleventh came; it knows anyway to whom it gave certificates.

use proto::Timestamp;
use proto::api::stats::{PublishRequests, StatsDay};
use store::{Day, StoreError, UploadDay};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::ServerError;
use crate::state::State;

/// Numbers are multiples of it, and nothing is shown of a day with fewer people.
const STEP: u64 = 10;
/// How long after its end a day is withheld, in seconds: 48 hours.
const EMBARGO: i64 = 48 * 3_600;
/// How many days are shown.
const SHOWN: i32 = 30;
/// For how many days counts are kept, counted from today: those that are shown, those that are not shown yet, and one for clocks that differ.
const KEPT: i32 = SHOWN + 4;

/// What is shown of an authority's last 30 days, in their order; days that are withheld are left out.
///
/// # Errors
/// [`ServerError::Store`] if there is no such authority or the database fails.
pub async fn report(state: &State, authority: &str) -> Result<Vec<StatsDay>, ServerError> {
    let id = authority.to_ascii_lowercase();
    if state.store().authority(&id).await?.is_none() {
        return Err(StoreError::NotFound("authority; see server authority list").into());
    }
    Ok(shown_days(state, &id).await?)
}

/// The same, of an authority that is registered.
pub(crate) async fn shown_days(state: &State, id: &str) -> Result<Vec<StatsDay>, StoreError> {
    let last = last_shown(state.now());
    let days = state.store().upload_days(id, last.plus(1 - SHOWN), last).await?;
    Ok(days.iter().filter_map(show).collect())
}

/// The oldest day whose counts are kept.
pub(crate) fn oldest_kept(now: Timestamp) -> Day {
    Day::containing(now).plus(-KEPT)
}

/// The last day that may be shown.
fn last_shown(now: Timestamp) -> Day {
    Day::containing(now.plus(-EMBARGO)).plus(-1)
}

/// What is shown of a day, if anything is.
fn show(counted: &UploadDay) -> Option<StatsDay> {
    let (people, reporting) = (rounded(counted.key_uploads), rounded(counted.report_uploads));
    if people == 0 && reporting == 0 {
        return None;
    }
    let of_keys = |count| if people == 0 { 0 } else { rounded(count) };
    Some(StatsDay {
        day: midnight(counted.day),
        publish_requests: PublishRequests { unknown: people, android: 0, ios: 0 },
        total_teks_published: of_keys(counted.keys),
        requests_with_revisions: of_keys(counted.revisions),
        tek_age_distribution: counted.ages.map(of_keys).into(),
        onset_to_upload_distribution: counted.onsets.map(of_keys).into(),
        requests_missing_onset_date: of_keys(counted.onset_unknown),
        report_requests: reporting,
        total_reports_published: if reporting == 0 { 0 } else { rounded(counted.reports) },
    })
}

const fn rounded(count: u64) -> u64 {
    count / STEP * STEP
}

/// `2026-11-20T00:00:00Z`.
fn midnight(day: Day) -> String {
    let midnight = OffsetDateTime::from_unix_timestamp(day.start().unix()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    midnight.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20.
    const DAY: Day = Day::new(20_777);

    /// A day with so many people, of whom so many stand in the first cells, and the others in cells of their own.
    fn day(people: u64, together: u64) -> UploadDay {
        let mut day = UploadDay { key_uploads: people, keys: people * 14, ..UploadDay::new(DAY) };
        day.ages[13] = together;
        day.onsets[4] = together;
        for alone in 0..(people - together) as usize {
            day.ages[alone] += 1;
            day.onset_unknown += 1;
        }
        day
    }

    #[test]
    fn a_day_is_shown_48_hours_after_it_is_over() {
        let over = DAY.plus(1).start();
        assert_eq!(last_shown(over.plus(EMBARGO - 1)), DAY.plus(-1));
        assert_eq!(last_shown(over.plus(EMBARGO)), DAY);
        let oldest = last_shown(over.plus(EMBARGO)).plus(1 - SHOWN);
        assert!(oldest_kept(over.plus(EMBARGO)) < oldest, "what is shown is kept");
    }

    #[test]
    fn a_day_of_fewer_than_ten_people_is_not_shown() {
        assert_eq!(show(&UploadDay::new(DAY)), None);
        assert_eq!(show(&day(9, 9)), None, "126 keys are nine people's");
        let shown = show(&day(10, 10)).expect("shown");
        assert_eq!((shown.publish_requests.unknown, shown.total_teks_published), (10, 140));
        assert_eq!(shown.day, "2026-11-20T00:00:00Z");
    }

    #[test]
    fn no_number_and_no_cell_can_be_one_persons() {
        let mut counted = day(39, 25);
        counted.revisions = 9;
        let shown = show(&counted).expect("shown");
        let mut ages = [0; 16];
        ages[13] = 20;
        assert_eq!(shown.tek_age_distribution, ages);
        let mut onsets = [0; 30];
        onsets[4] = 20;
        assert_eq!(shown.onset_to_upload_distribution, onsets);
        assert_eq!((shown.requests_missing_onset_date, shown.requests_with_revisions), (10, 0));
        let numbers = [shown.publish_requests.unknown, shown.total_teks_published];
        assert_eq!(numbers, [30, 540], "39 people, 546 keys");
        // One person more or less in a cell that is not shown changes nothing that is.
        let mut other = counted.clone();
        other.ages[2] -= 1;
        other.ages[9] += 1;
        assert_eq!(show(&other), Some(shown));
    }

    #[test]
    fn keys_are_withheld_beside_reports_and_reports_beside_keys() {
        let mut counted = day(9, 9);
        counted.revisions = 12;
        counted.report_uploads = 10;
        counted.reports = 99;
        let shown = show(&counted).expect("shown");
        let only_reports = StatsDay {
            day: shown.day.clone(),
            tek_age_distribution: vec![0; 16],
            onset_to_upload_distribution: vec![0; 30],
            report_requests: 10,
            total_reports_published: 90,
            ..StatsDay::default()
        };
        assert_eq!(shown, only_reports);
        let mut counted = day(10, 10);
        counted.report_uploads = 9;
        counted.reports = 99;
        let shown = show(&counted).expect("shown");
        assert_eq!((shown.report_requests, shown.total_reports_published), (0, 0));
    }
}
