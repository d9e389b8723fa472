//! Identifiers and metadata against exponot, which derives them with other libraries in another language.

use std::fmt::Write as _;

use proto::gaen::TemporaryExposureKey;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::tools;

#[test]
fn exponot_derives_the_same_identifiers_and_metadata() {
    let mut rng = StdRng::seed_from_u64(144);
    let cases: Vec<(TemporaryExposureKey, [u8; 4])> = (0..40).map(|n| case(&mut rng, n)).collect();

    let (mut input, mut ours) = (String::new(), String::new());
    for (key, metadata) in &cases {
        let (start, period) = (key.rolling_start().number(), key.rolling_period());
        writeln!(input, "{} {start} {period} {}", hex::encode(key.data()), hex::encode(metadata)).expect("a string");
        for identifier in key.identifiers() {
            let encrypted = key.crypt_metadata(&identifier, *metadata);
            writeln!(ours, "{} {}", hex::encode(identifier.0), hex::encode(encrypted)).expect("a string");
        }
    }

    let script = tools::repository().join("tests/interop/exponot_identifiers.py");
    let theirs = tools::python(&[&script], input.as_bytes()).expect("exponot runs");
    let theirs = String::from_utf8(theirs).expect("hex");
    assert!(ours.lines().count() > 2_000, "{} identifiers are too few to say anything", ours.lines().count());
    assert_eq!(ours.lines().collect::<Vec<_>>(), theirs.lines().collect::<Vec<_>>());
}

/// A random key of a random length; the first few at the ends of what interval numbers can be.
fn case(rng: &mut StdRng, n: u32) -> (TemporaryExposureKey, [u8; 4]) {
    let (start, period) = match n {
        0 => (0, 144),
        1 => (i64::from(i32::MAX) - 144, 144),
        2 => (1, 1),
        _ => (rng.random_range(2_600_000..3_000_000), rng.random_range(1..=144)),
    };
    let key = TemporaryExposureKey::new(&rng.random::<[u8; 16]>(), start, period).expect("16 bytes, in range");
    (key, rng.random())
}
