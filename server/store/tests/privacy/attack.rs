//! Trying to regroup a person's keys from the order in which keys are found.

use std::collections::HashSet;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::PEOPLE;
use crate::crowd::Owners;

/// How far apart two keys may stand and still count as neighbours: side by side, near, within the length of one upload.
const REACHES: [usize; 3] = [1, 3, 13];
/// How often the owners are dealt out at random, to learn what chance gives.
const DEALS: usize = 50;
/// Chance strays farther than this, in standard deviations, once in three million times.
const CHANCE: f64 = 5.0;
/// Beyond this there is no doubt.
const CERTAINTY: f64 = 10.0;

/// How often neighbours are one person's, and how often chance would have it, for the reach that tells most.
#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "read through Debug when a test fails")]
pub(crate) struct Verdict {
    reach: usize,
    found: f64,
    expected: f64,
    deviations: f64,
}

impl Verdict {
    /// Whether chance explains what was found.
    pub(crate) fn is_chance(&self) -> bool {
        self.deviations < CHANCE
    }

    /// Whether nothing but the order of uploads explains it.
    pub(crate) fn is_certain(&self) -> bool {
        self.deviations > CERTAINTY
    }
}

/// Attacks a sequence of identities, as it is and with the first place of each alone.
pub(crate) fn attack(sequence: &[Vec<u8>], owners: &Owners, rng: &mut StdRng) -> Verdict {
    // Identities and owners as small numbers; the sequence may name an identity many times.
    let mut identities: Vec<&Vec<u8>> = owners.keys().collect();
    identities.sort();
    let dealt: Vec<usize> = identities.iter().map(|identity| owners[*identity]).collect();
    let place = |identity: &Vec<u8>| identities.binary_search(&identity).expect("sequences hold known identities");
    let all: Vec<usize> = sequence.iter().map(place).collect();
    let mut seen = HashSet::new();
    let firsts: Vec<usize> = all.iter().copied().filter(|identity| seen.insert(*identity)).collect();

    let trials = [&all, &firsts].into_iter().flat_map(|sequence| REACHES.map(|reach| (sequence, reach)));
    let verdicts = trials.map(|(sequence, reach)| compare(sequence, &dealt, reach, rng));
    verdicts.max_by(|a, b| a.deviations.total_cmp(&b.deviations)).expect("there are reaches")
}

/// Compares with chance. Owners are dealt among those who uploaded for the same bundle: who is in which bundle is public.
fn compare(sequence: &[usize], owners: &[usize], reach: usize, rng: &mut StdRng) -> Verdict {
    let found = neighbours(sequence, owners, reach);
    let mut dealt = owners.to_vec();
    let mut chance = Vec::new();
    for _ in 0..DEALS {
        deal(&mut dealt, rng);
        chance.push(neighbours(sequence, &dealt, reach));
    }
    let expected = chance.iter().sum::<f64>() / DEALS as f64;
    let variance = chance.iter().map(|count| (count - expected).powi(2)).sum::<f64>() / DEALS as f64;
    Verdict { reach, found, expected, deviations: (found - expected) / variance.sqrt() }
}

/// Deals the owners of each bundle anew.
fn deal(owners: &mut [usize], rng: &mut StdRng) {
    let bundles = owners.iter().max().map_or(0, |last| last / PEOPLE + 1);
    for bundle in 0..bundles {
        let places: Vec<usize> = (0..owners.len()).filter(|place| owners[*place] / PEOPLE == bundle).collect();
        let mut people: Vec<usize> = places.iter().map(|place| owners[*place]).collect();
        people.shuffle(rng);
        for (place, person) in places.into_iter().zip(people) {
            owners[place] = person;
        }
    }
}

/// How many pairs of different keys within `reach` of each other belong to one person.
fn neighbours(sequence: &[usize], owners: &[usize], reach: usize) -> f64 {
    let mut count = 0_u32;
    for (at, one) in sequence.iter().enumerate() {
        for other in sequence[at + 1..].iter().take(reach) {
            count += u32::from(one != other && owners[*one] == owners[*other]);
        }
    }
    f64::from(count)
}
