//! Moments as operators write and read them.

use proto::Timestamp;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

/// A moment on the command line: RFC 3339, or a day for its midnight UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl std::str::FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let day = Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
        let day = day.map(|day| day.midnight().assume_utc());
        let moment = day.or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok());
        let moment = moment.ok_or("must be a day, as 2026-11-22, or a moment, as 2026-11-22T08:30:00Z")?;
        Ok(Self(Timestamp::from_unix(moment.unix_timestamp())))
    }
}

/// RFC 3339, UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp(at.unix()).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| at.unix().to_string())
}

/// Its day.
pub(crate) fn day(at: Timestamp) -> String {
    moment(at).split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_or_more() {
        let read = |text: &str| text.parse::<Moment>().map(|read| moment(read.0));
        assert_eq!(read("2026-11-22").as_deref(), Ok("2026-11-22T00:00:00Z"));
        assert_eq!(read("2026-11-22T08:30:00+01:00").as_deref(), Ok("2026-11-22T07:30:00Z"));
        for text in ["", "yesterday", "2026-13-01", "22.11.2026", "1700000000"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(day(Timestamp::from_unix(1_800_000_000)), "2027-01-15");
    }
}
