//! The attack on bundles: whose keys go together, by where they stand.
//!
//! Metadata are published, and may tell as much as they tell. What more the places in the files tell is measured against chance itself: owners are
//! permuted among keys of equal metadata, which leaves everything as it is but what places could know about people, and each measure is taken
//! again, many times. If places know nothing, the real owners are one permutation among all others.

use std::collections::{BTreeMap, HashMap};

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::published::{Class, Published};

/// How often chance is tried.
const PERMUTATIONS: usize = 100;
/// Within so many places in the files two keys are neighbours: side by side, and about as far apart as one upload is long.
const NEAR: [usize; 2] = [1, 13];
/// Chance strays farther than this, in standard deviations, once in thirty thousand times; there are six measures.
const CHANCE: f64 = 4.0;
/// Beyond this there is no doubt.
const CERTAINTY: f64 = 12.0;

/// The measure that tells most, and how far it is from what chance gives, in standard deviations.
#[derive(Debug)]
pub(crate) struct Verdict {
    #[expect(dead_code, reason = "read through Debug when a test fails")]
    measure: &'static str,
    deviations: f64,
}

impl Verdict {
    /// Whether chance explains the order.
    pub(crate) fn is_chance(&self) -> bool {
        self.deviations < CHANCE
    }

    /// Whether nothing but the order explains it.
    pub(crate) fn is_certain(&self) -> bool {
        self.deviations > CERTAINTY
    }
}

/// Measures an order by every means.
pub(crate) fn attack(order: &[Published]) -> Verdict {
    let real: Vec<usize> = order.iter().map(|key| key.owner).collect();
    let places = Places::of(order);
    let found = places.measure(&real);
    let mut rng = StdRng::seed_from_u64(9);
    let by_chance: Vec<_> = (0..PERMUTATIONS).map(|_| places.measure(&places.permuted(&real, &mut rng))).collect();
    let verdicts = found.into_iter().enumerate().map(|(at, (measure, found))| {
        let chance: Vec<f64> = by_chance.iter().map(|measures| measures[at].1).collect();
        Verdict { measure, deviations: deviations(found, &chance) }
    });
    verdicts.max_by(|a, b| a.deviations.total_cmp(&b.deviations)).expect("there are measures")
}

/// How far a value is above the mean of others, in their standard deviations.
fn deviations(found: f64, chance: &[f64]) -> f64 {
    let count = chance.len() as f64;
    let mean = chance.iter().sum::<f64>() / count;
    let variance = chance.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    // Where every permutation gives the same, half a hit is what rounding could make of it.
    (found - mean) / variance.sqrt().max(0.5)
}

/// Keys of equal metadata that were sealed at the same time.
type Group = (usize, Class);

/// What is known of an order without its owners.
struct Places {
    /// Where the keys of each group stand, ascending.
    groups: BTreeMap<Group, Vec<usize>>,
    /// How far down its group each key stands: 0 at the top, 1 at the bottom.
    depth: Vec<f64>,
    /// In which bundle each key is.
    bundle: Vec<usize>,
    /// Groups that the same people may be in: the same pattern, one day apart.
    next_day: Vec<(Group, Group)>,
}

impl Places {
    fn of(order: &[Published]) -> Self {
        let (mut groups, mut days) = (BTreeMap::<Group, Vec<usize>>::new(), HashMap::new());
        for (place, key) in order.iter().enumerate() {
            let group = (key.round, key.class);
            groups.entry(group).or_default().push(place);
            days.insert((key.round, key.pattern, key.day), group);
        }
        let mut depth = vec![0.0; order.len()];
        for places in groups.values() {
            let length = places.len() as f64;
            places.iter().enumerate().for_each(|(at, place)| depth[*place] = (at as f64 + 0.5) / length);
        }
        let following = |((round, pattern, day), group): (&(usize, _, i64), &Group)| {
            Some((*group, *days.get(&(*round, *pattern, day + 1))?))
        };
        let mut next_day: Vec<_> = days.iter().filter_map(following).collect();
        next_day.sort_unstable();
        Self { groups, depth, bundle: order.iter().map(|key| key.bundle).collect(), next_day }
    }

    /// Owners as they could be just as well, for all that the metadata say.
    fn permuted(&self, owners: &[usize], rng: &mut StdRng) -> Vec<usize> {
        let mut permuted = owners.to_vec();
        for places in self.groups.values() {
            let mut shuffled: Vec<usize> = places.iter().map(|place| owners[*place]).collect();
            shuffled.shuffle(rng);
            places.iter().zip(shuffled).for_each(|(place, owner)| permuted[*place] = owner);
        }
        permuted
    }

    /// Every measure: the more it tells, the higher it is.
    fn measure(&self, owners: &[usize]) -> [(&'static str, f64); 6] {
        [
            ("side by side", neighbours(owners, NEAR[0])),
            ("within an upload's length", neighbours(owners, NEAR[1])),
            ("in the same bundle", self.in_the_same_bundle(owners)),
            ("as deep as the day before", self.linked(owners)),
            ("a person's keys equally deep", self.equally_deep(owners)),
            ("in order of receipt", self.in_order_of_receipt(owners)),
        ]
    }

    /// How many pairs of one person's keys share a bundle.
    fn in_the_same_bundle(&self, owners: &[usize]) -> f64 {
        let mut shares: HashMap<(usize, usize), u64> = HashMap::new();
        owners.iter().zip(&self.bundle).for_each(|(owner, bundle)| *shares.entry((*owner, *bundle)).or_default() += 1);
        shares.values().map(|keys| keys * (keys - 1) / 2).sum::<u64>() as f64
    }

    /// Links each key to the one of the next day that stands as deep in its group; how often that is the same person's.
    fn linked(&self, owners: &[usize]) -> f64 {
        let mut hits = 0_u32;
        for (group, next) in &self.next_day {
            let (from, to) = (&self.groups[group], &self.groups[next]);
            for (at, place) in from.iter().enumerate() {
                hits += u32::from(owners[*place] == owners[to[at * to.len() / from.len()]]);
            }
        }
        hits.into()
    }

    /// How little the depths of a person's keys differ: minus the sum of their variances.
    fn equally_deep(&self, owners: &[usize]) -> f64 {
        let mut depths: HashMap<usize, (f64, f64, f64)> = HashMap::new();
        for (owner, depth) in owners.iter().zip(&self.depth) {
            let sums = depths.entry(*owner).or_default();
            *sums = (sums.0 + 1.0, sums.1 + depth, sums.2 + depth * depth);
        }
        // In thousandths, so that what chance gives is not below half a hit. Summed by size: a hash map has no order of its own.
        let mut variances: Vec<f64> = depths.values().map(|(n, sum, squares)| squares - sum * sum / n).collect();
        variances.sort_unstable_by(f64::total_cmp);
        -1_000.0 * variances.into_iter().sum::<f64>()
    }

    /// How closely depth follows the order in which people came, or its reverse: the covariance of the two.
    fn in_order_of_receipt(&self, owners: &[usize]) -> f64 {
        let pairs = owners.iter().zip(&self.depth);
        pairs.map(|(owner, depth)| *owner as f64 * (depth - 0.5)).sum::<f64>().abs()
    }
}

/// How many pairs of one person's keys stand at most so many places apart.
fn neighbours(owners: &[usize], reach: usize) -> f64 {
    let pairs = (1..=reach).map(|apart| owners.iter().zip(&owners[apart..]).filter(|(a, b)| a == b).count());
    pairs.sum::<usize>() as f64
}

/// Other orders in which the same keys could be published, in bundles of the same sizes. The attack must see through all of them.
pub(crate) fn telling_orders(order: &[Published]) -> [(&'static str, Vec<Published>); 4] {
    let mut rng = StdRng::seed_from_u64(11);
    let most = order.iter().map(|key| key.owner).max().unwrap_or_default();
    let drawn: Vec<u64> = (0..=most).map(|_| rng.random()).collect();
    [
        ("as they were uploaded", sorted(order, |key| (key.round, key.owner, key.class, 0))),
        ("by class, then as they were received", sorted(order, |key| (key.round, 0, key.class, key.owner as u64))),
        ("by class, then by something of the upload", sorted(order, |key| (key.round, 0, key.class, drawn[key.owner]))),
        ("each upload whole in a bundle", whole_uploads(order)),
    ]
}

/// The keys in another order, which is cut into bundles where the first one was.
fn sorted<K: Ord>(order: &[Published], by: impl Fn(&Published) -> K) -> Vec<Published> {
    let mut other = order.to_vec();
    other.sort_by_key(by);
    other.iter_mut().zip(order).for_each(|(key, there)| key.bundle = there.bundle);
    other
}

/// Each person's keys in one bundle of their round, and there by class and in the order in which they were published: by bytes.
fn whole_uploads(order: &[Published]) -> Vec<Published> {
    let mut other = order.to_vec();
    for round in 0..2 {
        let bundles: Vec<usize> = order.iter().filter(|key| key.round == round).map(|key| key.bundle).collect();
        let (first, last) = (bundles.iter().min(), bundles.iter().max());
        let (Some(first), Some(last)) = (first, last) else { continue };
        let keys = other.iter_mut().filter(|key| key.round == round);
        keys.for_each(|key| key.bundle = first + key.owner % (last - first + 1));
    }
    other.sort_by_key(|key| (key.bundle, key.class));
    other
}
