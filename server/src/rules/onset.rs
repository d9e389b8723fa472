//! When the symptoms began, by whose word, and how far a key lies from it.

use proto::gaen::TemporaryExposureKey;
use proto::{Interval, Timestamp};
use store::OnsetSource;

/// A phone's word on the onset counts for this many whole UTC days.
const MAX_AGE_DAYS: i32 = 28;
/// Where nobody said, the onset is taken to lie this many seconds before the upload: four days.
const ASSUMED: i64 = 4 * 86_400;
/// Keys further than this many days from the onset are not published: the export format has no number for them.
const MAX_DISTANCE_DAYS: i32 = 14;

/// The onset that counts for an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Onset {
    /// The first interval of its UTC day: finer than a day it is nobody's business.
    pub(crate) day: Interval,
    /// Who said so.
    pub(crate) source: OnsetSource,
}

impl Onset {
    /// The phone's word if it lies in the past and within 28 days, else the certificate's, else four days before `now`.
    /// Some apps send 0 for "not known", which is too long ago to count.
    pub(crate) fn decide(request: Option<i64>, certificate: Option<Interval>, now: Timestamp) -> Self {
        if let Some(told) = request.and_then(|number| plausible(number, now)) {
            return Self { day: told.midnight(), source: OnsetSource::Request };
        }
        match certificate {
            Some(onset) => Self { day: onset.midnight(), source: OnsetSource::Certificate },
            None => Self { day: Interval::containing(now.plus(-ASSUMED)).midnight(), source: OnsetSource::Assumed },
        }
    }

    /// Whole UTC days from the onset to the start of `key`: negative if the key is older than the symptoms. None beyond 14 either way.
    pub(crate) fn days_until(&self, key: &TemporaryExposureKey) -> Option<i8> {
        let days = key.rolling_start().days_since(self.day);
        if days.abs() <= MAX_DISTANCE_DAYS { i8::try_from(days).ok() } else { None }
    }
}

fn plausible(number: i64, now: Timestamp) -> Option<Interval> {
    let onset = Interval::new(u32::try_from(number).ok()?);
    let today = Interval::containing(now);
    (onset <= today && today.days_since(onset) <= MAX_AGE_DAYS).then_some(onset)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21, at half past ten.
    const NOW: Timestamp = Timestamp::from_unix(20_778 * 86_400 + 37_800);

    fn day(number: i64) -> i64 {
        number * 144
    }

    fn interval(number: i64) -> Interval {
        Interval::new(u32::try_from(number).expect("an interval number"))
    }

    #[test]
    fn the_phones_word_counts_in_the_past_and_within_28_days() {
        let certificate = Some(interval(day(20_770)));
        let source = |number: i64| Onset::decide(Some(number), certificate, NOW).source;
        assert_eq!(source(day(20_778)), OnsetSource::Request, "today");
        assert_eq!(source(day(20_778) + 63), OnsetSource::Request, "the interval that runs");
        assert_eq!(source(day(20_778) + 64), OnsetSource::Certificate, "the next interval");
        assert_eq!(source(day(20_750)), OnsetSource::Request, "28 days ago");
        assert_eq!(source(day(20_750) - 1), OnsetSource::Certificate, "29 days ago");
        for nonsense in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(source(nonsense), OnsetSource::Certificate, "{nonsense}");
        }
    }

    #[test]
    fn without_the_phones_word_the_certificate_counts_and_without_it_four_days() {
        let certified = Onset::decide(None, Some(interval(day(20_770) + 5)), NOW);
        assert_eq!(certified, Onset { day: interval(day(20_770)), source: OnsetSource::Certificate });
        let assumed = Onset { day: interval(day(20_774)), source: OnsetSource::Assumed };
        assert_eq!(Onset::decide(None, None, NOW), assumed);
    }

    #[test]
    fn days_since_onset_are_negative_before_the_symptoms_and_positive_after() {
        let onset = Onset::decide(Some(day(20_770)), None, NOW);
        let days = |start: i64| onset.days_until(&TemporaryExposureKey::new(&[1; 16], start, 144).expect("a key"));
        assert_eq!(days(day(20_769)), Some(-1));
        assert_eq!(days(day(20_770) - 1), Some(-1), "the last interval of the day before");
        assert_eq!(days(day(20_770) + 143), Some(0));
        assert_eq!(days(day(20_773)), Some(3));
        assert_eq!((days(day(20_756)), days(day(20_755))), (Some(-14), None));
        assert_eq!((days(day(20_784)), days(day(20_785))), (Some(14), None));
    }
}
