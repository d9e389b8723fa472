//! Whoever reads bundles sees report type, risk, days since onset, start and period of each key, and nothing else. Filler is compared with people in all
//! of these, one by one and together, and must differ from them by no more than people differ from people: how much that is, is learned by dealing
//! everybody out to two heaps at random. Wrong generators are compared alike, and must be caught.

use std::collections::HashMap;

use exporter::filler::{Observed, Person, Shapes, observe};
use proto::{Interval, Timestamp};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use store::{AcceptedKey, Origin, Place, Provenance, Sampled, SampledKey};

use crate::town;
use crate::world::{DAY, HOUR};

/// Noon of a day; bundles are sealed every four hours.
const NOW: Timestamp = Timestamp::from_unix(20_900 * DAY + 12 * HOUR);
/// How many people are compared with how many.
const PEOPLE: usize = 1_500;
/// How many people came in the last 14 days.
const KNOWN: usize = 15_000;
/// How often the heaps are dealt.
const DEALS: usize = 200;

/// What is seen of one key: report type, days since onset, risk, age in days, period.
type Look = [i32; 5];
/// What is seen of one person's keys, if somebody could put them together.
type Looks = Vec<Look>;

fn looks(keys: &[AcceptedKey]) -> Looks {
    let look = |key: &AcceptedKey| {
        let entry = &key.published;
        [
            i32::from(entry.report_type.expect("set").export_value()),
            entry.days_since_onset.expect("set").into(),
            entry.transmission_risk.into(),
            Interval::containing(NOW).days_since(entry.key.rolling_start()),
            entry.key.rolling_period().into(),
        ]
    };
    keys.iter().map(look).collect()
}

/// Somebody uploads within the last four hours.
fn moment(rng: &mut StdRng) -> Timestamp {
    NOW.plus(-rng.random_range(0..4 * HOUR))
}

fn people(rng: &mut StdRng) -> Vec<Looks> {
    let mut people = Vec::new();
    while people.len() < PEOPLE {
        people.extend(town::upload(moment(rng), rng).map(|keys| looks(&keys)));
    }
    people
}

/// The bundles of fourteen days, of which a row tells what the exporter reads of it.
fn history(people: usize, rng: &mut StdRng) -> Vec<Observed> {
    let mut seen = Vec::new();
    for _ in 0..people {
        let received = NOW.plus(-rng.random_range(0..14 * DAY));
        for key in town::upload(received, rng).unwrap_or_default() {
            let sealed = key.release_at.ceil(4 * HOUR);
            if sealed <= NOW {
                seen.extend(observe(&sampled(&key, sealed)));
            }
        }
    }
    seen
}

fn sampled(key: &AcceptedKey, sealed: Timestamp) -> Sampled<SampledKey> {
    let sequence = u64::try_from(sealed.unix() / HOUR).expect("after 1970");
    Sampled {
        published: SampledKey { entry: key.published, raw: key.raw },
        provenance: Provenance {
            authority: "health".into(),
            kid: "kid".into(),
            origin: Origin::Ours,
            received: sealed,
            policy_version: 1,
        },
        feeds: Vec::new(),
        place: Place::Sealed { sequence, start: sealed.plus(-4 * HOUR), revised: false },
    }
}

fn filler(shapes: &Shapes, rng: &mut StdRng) -> Vec<Looks> {
    let mut people = Vec::new();
    while people.len() < PEOPLE {
        let Some(person) = Person::draw(shapes, moment(rng), rng) else { continue };
        let data: [u8; 15] = rng.random();
        let data = |slot: u8| std::array::from_fn(|at| if at == 15 { slot } else { data[at] });
        people.push(looks(&person.accepted(data, rng).expect("valid")));
    }
    people
}

/// What is compared: each field, some together, and all but the period.
const VIEWS: [&[usize]; 9] = [&[0], &[1], &[2], &[3], &[4], &[0, 1], &[1, 2], &[3, 4], &[0, 1, 2, 3]];

/// By how much two heaps of people differ in a view, and how often as many dealt at random differ more.
fn compare(one: &[Looks], other: &[Looks], view: &[usize], rng: &mut StdRng) -> (f64, usize) {
    let mut classes = HashMap::new();
    let mut class = |look: &Look| {
        let next = classes.len();
        *classes.entry(view.iter().map(|field| look[*field]).collect::<Vec<_>>()).or_insert(next)
    };
    let all: Vec<Vec<usize>> = one.iter().chain(other).map(|keys| keys.iter().map(&mut class).collect()).collect();
    let mut dealt: Vec<usize> = (0..all.len()).collect();
    let found = distance(&all, &dealt, classes.len());
    let mut farther = 0;
    for _ in 0..DEALS {
        dealt.shuffle(rng);
        farther += usize::from(distance(&all, &dealt, classes.len()) >= found);
    }
    (found, farther)
}

/// The sum over classes of the squared difference by the sum.
fn distance(all: &[Vec<usize>], dealt: &[usize], classes: usize) -> f64 {
    let mut counts = vec![[0.0; 2]; classes];
    for (place, person) in dealt.iter().enumerate() {
        for class in &all[*person] {
            counts[*class][usize::from(place >= dealt.len() / 2)] += 1.0;
        }
    }
    counts.iter().map(|[a, b]: &[f64; 2]| (a - b).powi(2) / (a + b).max(1.0)).sum()
}

/// The views in which two heaps differ by more than chance.
fn differences(one: &[Looks], other: &[Looks], rng: &mut StdRng) -> Vec<&'static [usize]> {
    VIEWS.into_iter().filter(|view| compare(one, other, view, rng).1 == 0).collect()
}

#[test]
fn filler_differs_from_people_by_no_more_than_people_do() {
    let mut rng = StdRng::seed_from_u64(21);
    let shapes = Shapes::learn(&history(KNOWN, &mut rng));
    let (real, others) = (people(&mut rng), people(&mut rng));
    assert!(differences(&real, &others, &mut rng).is_empty(), "people are like people");
    let filler = filler(&shapes, &mut rng);
    let different = differences(&real, &filler, &mut rng);
    assert!(different.is_empty(), "{different:?}");
}

#[test]
fn a_wrong_generator_is_caught() {
    let mut rng = StdRng::seed_from_u64(22);
    let shapes = Shapes::learn(&history(KNOWN, &mut rng));
    let (real, good) = (people(&mut rng), filler(&shapes, &mut rng));
    let spoil = |good: &[Looks], spoil: &mut dyn FnMut(&mut Looks)| {
        let mut bad = good.to_vec();
        bad.iter_mut().for_each(spoil);
        bad
    };
    let mut others = StdRng::seed_from_u64(23);
    let uniform_onset = spoil(&good, &mut |keys| {
        let onset = others.random_range(0..15);
        keys.iter_mut().for_each(|key| key[1] = onset - key[3]);
        keys.retain(|key| key[1].abs() <= 14);
    });
    assert!(differences(&real, &uniform_onset, &mut rng).contains(&&[1][..]), "onset");
    let always_whole = spoil(&good, &mut |keys| keys.iter_mut().for_each(|key| key[4] = 144));
    assert!(differences(&real, &always_whole, &mut rng).contains(&&[4][..]), "period");
    let one_risk = spoil(&good, &mut |keys| keys.iter_mut().for_each(|key| key[2] = 3));
    assert!(differences(&real, &one_risk, &mut rng).contains(&&[2][..]), "risk");
    let short_runs = spoil(&good, &mut |keys| keys.retain(|key| key[3] < 11));
    assert!(differences(&real, &short_runs, &mut rng).contains(&&[3][..]), "run");
    let confirmed = spoil(&good, &mut |keys| keys.iter_mut().for_each(|key| key[0] = 1));
    assert!(differences(&real, &confirmed, &mut rng).contains(&&[0][..]), "report type");
    // What every field says alone may be right, and wrong together: risks dealt out anew.
    let mut risks: Vec<i32> = good.iter().flatten().map(|key| key[2]).collect();
    risks.shuffle(&mut rng);
    let mut risks = risks.into_iter();
    let unconditional = spoil(&good, &mut |keys| {
        keys.iter_mut().for_each(|key| key[2] = risks.next().expect("as many"));
    });
    let different = differences(&real, &unconditional, &mut rng);
    assert!(!different.contains(&&[2][..]) && different.contains(&&[1, 2][..]), "{different:?}");
}

/// Whose app sends no risk sends none for any key: if a rare onset gives a person away, the risks shall not tell that there is none.
#[test]
fn a_synthetic_person_has_one_app() {
    let mut rng = StdRng::seed_from_u64(24);
    let shapes = Shapes::learn(&history(KNOWN, &mut rng));
    let (mut silent, mut mixed) = (0, 0);
    for _ in 0..PEOPLE {
        let Some(person) = Person::draw(&shapes, moment(&mut rng), &mut rng) else { continue };
        let unset = person.keys.iter().filter(|key| key.transmission_risk == 0).count();
        silent += usize::from(unset * 2 > person.keys.len());
        // How many send none differs a little from day to day, as counts do, and somebody may stand just between.
        mixed += usize::from(unset > 0 && unset < person.keys.len());
    }
    assert!((PEOPLE * 5 / 10..PEOPLE * 7 / 10).contains(&silent), "{silent}");
    assert!(mixed < PEOPLE / 5, "{mixed} have two apps");
}

/// A person of whom nothing is known before has some company of their own kind at once.
#[test]
fn whoever_comes_first_is_not_alone_of_their_kind() {
    let mut rng = StdRng::seed_from_u64(25);
    for _ in 0..20 {
        let Some(keys) = town::upload(moment(&mut rng), &mut rng) else { continue };
        let seen: Vec<_> = keys
            .iter()
            .filter_map(|key| {
                let mut one = sampled(key, moment(&mut rng).floor(HOUR));
                one.place = Place::Waiting { fresh: true, release_at: NOW };
                observe(&one)
            })
            .collect();
        let shapes = Shapes::learn(&seen);
        let (first, company) = (looks(&keys), filler(&shapes, &mut rng));
        let sort = |key: &Look| (key[0], key[1] + key[3]);
        let alike = company.iter().filter(|person| sort(&person[0]) == sort(&first[0])).count();
        assert!(alike > PEOPLE / 40, "{alike} are like {:?}", sort(&first[0]));
        let unlike = company.iter().filter(|person| sort(&person[0]) != sort(&first[0])).count();
        assert!(unlike > PEOPLE / 40 || keys[0].raw.onset_source == store::OnsetSource::Assumed, "{unlike} are not");
    }
}
