//! Looking for many things in many bytes at once.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The ways in which bytes may be written: as they are, in hexadecimal, in base64.
pub fn spellings(bytes: &[u8]) -> [Vec<u8>; 5] {
    [
        bytes.to_vec(),
        hex::encode(bytes).into(),
        hex::encode_upper(bytes).into(),
        STANDARD_NO_PAD.encode(bytes).into(),
        URL_SAFE_NO_PAD.encode(bytes).into(),
    ]
}

/// How many of `needles` are in `bytes`.
///
/// # Errors
/// If there are too many to be looked for.
pub fn found(needles: &[Vec<u8>], bytes: &[u8]) -> anyhow::Result<usize> {
    let mut found = vec![false; needles.len()];
    for place in AhoCorasick::new(needles)?.find_overlapping_iter(bytes) {
        found[place.pattern().as_usize()] = true;
    }
    Ok(found.iter().filter(|found| **found).count())
}
