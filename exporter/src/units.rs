//! Times and shares as people write them in settings.

use std::time::Duration;

/// The units of times, the largest first.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A time of a whole number and a unit: `30s`, `15m`, `4h`, `14d`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (_, seconds) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
    let number = &text[..text.len() - 1];
    // Numbers would also take a sign.
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| number.parse::<u64>().ok()?.checked_mul(seconds)).flatten().map(Duration::from_secs)
}

/// A time as [`duration`] reads it, in the largest unit of which it is a whole number.
pub(crate) fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    let fitting = UNITS.into_iter().find(|(_, unit)| seconds >= *unit && seconds.is_multiple_of(*unit));
    fitting.map_or_else(|| "0s".to_owned(), |(unit, length)| format!("{}{unit}", seconds / length))
}

/// A share of 0 to 100 percent: `10` or `10%`.
pub(crate) fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let share = number.parse().ok().filter(|share| *share <= 100);
    share.ok_or_else(|| "must be 0 to 100 percent".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("30m", 1_800), ("4h", 14_400), ("14d", 1_209_600)] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "4", "h", "-4h", "+4h", "4 h", "4H", "1.5h", "4h30m", "99999999999999999d", "4µ"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_shown_as_it_is_read() {
        for text in ["0s", "1s", "90s", "30m", "4h", "36h", "14d"] {
            assert_eq!(shown(duration(text).expect(text)), text);
        }
    }

    #[test]
    fn a_share_is_at_most_all() {
        assert_eq!((percent("0"), percent("10%"), percent("100")), (Ok(0), Ok(10), Ok(100)));
        for text in ["", "%", "101", "-1", "ten"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }
}
