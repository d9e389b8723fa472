//! Knowing filler again.

use std::collections::HashMap;

use proto::tcn::ReportAuthorizationKey;
use store::FillerMark;

use super::secret::{FillerSecret, FillerSeed};
use super::shapes::MAX_AGE;

/// Which synthetic person: of which draw, and the how manieth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Who {
    seed: FillerSeed,
    person: u32,
}

/// Whose keys these are that follow from some marks.
pub fn known_keys(secret: &FillerSecret, marks: &[FillerMark]) -> HashMap<[u8; 16], Who> {
    let keys = people(secret, marks)
        .flat_map(|who| (0..=MAX_AGE).map(move |slot| (secret.key(who.seed, who.person, slot), who)));
    keys.collect()
}

/// Whose reports these are, by verification key.
pub(super) fn known_reports(secret: &FillerSecret, marks: &[FillerMark]) -> HashMap<[u8; 32], Who> {
    let key = |who: Who| ReportAuthorizationKey::from_seed(*secret.report(who.seed, who.person)).verification_key();
    people(secret, marks).map(|who| (key(who), who)).collect()
}

fn people(secret: &FillerSecret, marks: &[FillerMark]) -> impl Iterator<Item = Who> {
    let draws = marks.iter().filter_map(|mark| secret.open(mark));
    draws.flat_map(|(seed, people)| (0..people).map(move |person| Who { seed, person }))
}
