//! Numbers, times and hashes as lines have them.

use crate::error::Malformed;
use crate::interval::Timestamp;

/// A number in the one form that renders to the same text: digits, without a sign or leading zeros.
pub(super) fn number(line: &'static str, text: &str) -> Result<u64, Malformed> {
    let plain = text == "0" || text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    let value = if plain { text.parse().ok() } else { None };
    value.ok_or_else(|| Malformed::new(line, "must have plain decimal numbers"))
}

/// A time in seconds.
pub(super) fn time(line: &'static str, text: &str) -> Result<Timestamp, Malformed> {
    let seconds = i64::try_from(number(line, text)?);
    Ok(Timestamp::from_unix(seconds.map_err(|_| Malformed::new(line, "must have times below 2^63"))?))
}

/// Reads a SHA-256 in lower-case hex, so that each has one form.
pub(super) fn sha256(line: &'static str, text: &str) -> Result<[u8; 32], Malformed> {
    let mut bytes = [0; 32];
    let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
    let decoded = lower && hex::decode_to_slice(text, &mut bytes).is_ok();
    if decoded { Ok(bytes) } else { Err(Malformed::new(line, "must have its hashes in lower-case hex")) }
}
