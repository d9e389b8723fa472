//! Numbers as people read them.

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits, never less than a microsecond's: `0.812`, `8.12`, `81.2`, `812`, `8,120`.
pub(crate) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 9.995 => trimmed(format!("{ms:.if_small$}", if_small = if ms < 0.9995 { 3 } else { 2 })),
        ms if ms < 99.95 => trimmed(format!("{ms:.1}")),
        ms => grouped(ms.round() as u64),
    }
}

/// A rate, with a decimal while it is small: `0.231`, `8.4`, `113`, `2,778`.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate < 0.9995 => trimmed(format!("{rate:.3}")),
        rate if rate < 99.95 => trimmed(format!("{rate:.1}")),
        rate => grouped(rate.round() as u64),
    }
}

/// Bytes in powers of 1,000, as networks count: `812 B`, `8.1 kB`, `81 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1_000.0;
        unit += 1;
    }
    let digits = if unit > 0 && size < 9.95 { 1 } else { 0 };
    format!("{size:.digits$} {}", UNITS[unit])
}

/// A length of time: `8.4 s`, `5 min 2 s`, `2 h 5 min`.
pub(crate) fn length(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..10 => format!("{} s", trimmed(format!("{:.1}", seconds.max(0.0)))),
        10..60 => format!("{whole} s"),
        60..3_600 => two((whole / 60, "min"), (whole % 60, "s")),
        _ => two((whole / 3_600, "h"), (whole % 3_600 / 60, "min")),
    }
}

/// A moment of the run: `2:05`, `1:02:05`.
pub(crate) fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// `1 key`, `2 keys`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

fn two(large: (u64, &str), small: (u64, &str)) -> String {
    let small = if small.0 == 0 { String::new() } else { format!(" {} {}", small.0, small.1) };
    format!("{} {}{small}", large.0, large.1)
}

/// Without zeros that say nothing.
fn trimmed(number: String) -> String {
    number.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        for (ms, text) in
            [(0.0, "0"), (0.0814, "0.081"), (0.9996, "1"), (8.126, "8.13"), (81.26, "81.3"), (8_120.4, "8,120")]
        {
            assert_eq!(milliseconds(ms), text);
        }
        for (per_second, text) in [(0.2314, "0.231"), (8.44, "8.4"), (100.0, "100"), (2_778.0, "2,778")] {
            assert_eq!(rate(per_second), text);
        }
        for (size, text) in [(0, "0 B"), (999, "999 B"), (8_123, "8.1 kB"), (81_230_000, "81 MB"), (999_999, "1.0 MB")]
        {
            assert_eq!(bytes(size), text);
        }
        for (seconds, text) in
            [(8.44, "8.4 s"), (59.0, "59 s"), (300.0, "5 min"), (302.0, "5 min 2 s"), (7_500.0, "2 h 5 min")]
        {
            assert_eq!(length(seconds), text);
        }
        assert_eq!((clock(125), clock(3_725)), ("2:05".to_owned(), "1:02:05".to_owned()));
        assert_eq!((count(1, "key"), count(2, "key")), ("1 key".to_owned(), "2 keys".to_owned()));
    }
}
