//! Lengths of time as people type them.

use std::time::Duration;

/// The longest: a month.
const MOST: Duration = Duration::from_secs(31 * 86_400);

/// Reads a number with its unit: `500ms`, `10s`, `1.5m`, `2h`, `1d`.
///
/// # Errors
/// What is allowed.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let allowed = "must be a number and its unit, as in 500ms, 10s, 5m, 2h or 1d, 31d at most";
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(allowed.to_owned()),
    };
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = number.parse().ok().filter(|_| plain).ok_or(allowed)?;
    Duration::try_from_secs_f64(number * unit).ok().filter(|span| *span <= MOST).ok_or_else(|| allowed.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_a_unit() {
        for (text, milliseconds) in [("500ms", 500), ("10s", 10_000), ("1.5m", 90_000), ("2h", 7_200_000), ("0s", 0)] {
            assert_eq!(seconds(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        assert_eq!(seconds("31d"), Ok(MOST));
        for text in ["", "10", "s", "-1s", "1e9s", "32d", "1 s", "infs", "1.2.3s", "1w", "٣s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
