//! Looking for what a person was given, in all bytes of a dump.

use aho_corasick::AhoCorasick;
use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::PEOPLE;
use crate::crowd::Crowd;

/// Checks that nothing secret is there, as it was, in hexadecimal or in base64; and that what is there is found.
pub(crate) fn ensure_none(crowd: &Crowd, dump: &[u8]) -> anyhow::Result<()> {
    let names: Vec<Vec<u8>> = crowd.people.keys().map(hex::decode).collect::<Result<_, _>>()?;
    let found = found(&names, dump)?;
    ensure!(found == 2 * PEOPLE, "the search finds what is there: {found}");

    let mut secrets: Vec<Vec<u8>> = crowd.secrets.texts.iter().flat_map(|text| spellings(text.as_bytes())).collect();
    secrets.extend(crowd.secrets.bytes.iter().flat_map(|bytes| spellings(bytes)));
    ensure!(secrets.len() > 50 * PEOPLE);
    let leaked = self::found(&secrets, dump)?;
    ensure!(leaked == 0, "{leaked} secrets are found");
    Ok(())
}

fn spellings(bytes: &[u8]) -> [Vec<u8>; 5] {
    [
        bytes.to_vec(),
        hex::encode(bytes).into(),
        hex::encode_upper(bytes).into(),
        STANDARD_NO_PAD.encode(bytes).into(),
        URL_SAFE_NO_PAD.encode(bytes).into(),
    ]
}

/// How many of `needles` are in `bytes`.
fn found(needles: &[Vec<u8>], bytes: &[u8]) -> anyhow::Result<usize> {
    let mut found = vec![false; needles.len()];
    for place in AhoCorasick::new(needles)?.find_overlapping_iter(bytes) {
        found[place.pattern().as_usize()] = true;
    }
    Ok(found.iter().filter(|found| **found).count())
}
