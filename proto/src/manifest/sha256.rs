//! Hashes as lines have them.

use crate::error::Malformed;

/// Reads a SHA-256 in lower-case hex, so that each has one form.
pub(super) fn sha256(line: &'static str, text: &str) -> Result<[u8; 32], Malformed> {
    let mut bytes = [0; 32];
    let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
    let decoded = lower && hex::decode_to_slice(text, &mut bytes).is_ok();
    if decoded { Ok(bytes) } else { Err(Malformed::new(line, "must have its hashes in lower-case hex")) }
}
