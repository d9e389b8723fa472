//! Days and moments as they stand in JSON.

use proto::{Interval, Timestamp};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::policy::OLDEST_DAY;

/// The furthest that a place's clock is from UTC, in minutes (UTC+14, Line Islands).
const FURTHEST_OFFSET: i32 = 14 * 60;

/// Why a day does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidDay;

/// Reads an ISO 8601 day, alone or with a time behind it, as UTC midnight of that day. It must not lie in the future, nor more than 28
/// days back, on the calendar of somebody whose clock is `tz_offset` minutes east of UTC.
pub(crate) fn parse_day(text: &str, tz_offset: i32, now: Timestamp) -> Result<Interval, InvalidDay> {
    let date = parse(text).ok_or(InvalidDay)?;
    let today = date_at(now.plus(i64::from(tz_offset) * 60)).ok_or(InvalidDay)?;
    let age = (today - date).whole_days();
    if !(0..=OLDEST_DAY).contains(&age) {
        return Err(InvalidDay);
    }
    Ok(Interval::containing(Timestamp::from_unix(date.midnight().assume_utc().unix_timestamp())))
}

/// Whether anybody's clock is that many minutes from UTC.
pub(crate) fn is_offset(minutes: i32) -> bool {
    (-FURTHEST_OFFSET..=FURTHEST_OFFSET).contains(&minutes)
}

/// The day that an interval belongs to: `2026-03-09`.
pub(crate) fn day_text(interval: Interval) -> String {
    let date = date_at(interval.start());
    let text = date.and_then(|date| date.format(format_description!("[year]-[month]-[day]")).ok());
    text.unwrap_or_default()
}

/// RFC 1123, the form of HTTP: `Mon, 09 Mar 2026 12:00:00 GMT`.
pub(crate) fn rfc1123(moment: Timestamp) -> String {
    let form =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    let time = OffsetDateTime::from_unix_timestamp(moment.unix()).ok();
    time.and_then(|time| time.format(form).ok()).unwrap_or_default()
}

fn parse(text: &str) -> Option<Date> {
    let text = text.trim();
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    day.ok().or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::date))
}

fn date_at(moment: Timestamp) -> Option<Date> {
    OffsetDateTime::from_unix_timestamp(moment.unix()).ok().map(OffsetDateTime::date)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-09T23:30:00Z.
    const NOW: Timestamp = Timestamp::from_unix(1_773_099_000);

    #[test]
    fn a_day_is_utc_midnight_and_is_written_as_it_was_read() {
        let day = parse_day("2026-03-01", 0, NOW).expect("a day");
        assert_eq!(day.start().unix(), 1_772_323_200);
        assert_eq!(day_text(day), "2026-03-01");
        assert_eq!(parse_day("2026-03-01T22:15:00+02:00", 0, NOW), Ok(day));
        assert_eq!(parse_day(" 2026-03-01 ", 0, NOW), Ok(day));
    }

    #[test]
    fn a_day_is_neither_in_the_future_nor_over_28_days_ago() {
        assert!(parse_day("2026-03-09", 0, NOW).is_ok());
        assert_eq!(parse_day("2026-03-10", 0, NOW), Err(InvalidDay));
        assert!(parse_day("2026-02-09", 0, NOW).is_ok());
        assert_eq!(parse_day("2026-02-08", 0, NOW), Err(InvalidDay));
    }

    #[test]
    fn today_is_today_where_the_person_is() {
        assert!(parse_day("2026-03-10", 60, NOW).is_ok());
        assert_eq!(parse_day("2026-02-09", 60, NOW), Err(InvalidDay));
        assert_eq!(parse_day("2026-03-09", -24 * 60, NOW), Err(InvalidDay));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        let long = "2".repeat(60_000);
        for text in ["", "2026-3-1", "2026-02-30", "20260301", "01.03.2026", "-2026-03-01", "2026-03-01x", &long] {
            assert_eq!(parse_day(text, 0, NOW), Err(InvalidDay), "{text}");
        }
        for far in ["0000-01-01", "9999-12-31", "9999-12-31T23:59:60-23:59"] {
            assert_eq!(parse_day(far, 0, NOW), Err(InvalidDay), "{far}");
        }
    }

    #[test]
    fn moments_are_written_as_http_writes_them() {
        assert_eq!(rfc1123(NOW), "Mon, 09 Mar 2026 23:30:00 GMT");
    }
}
