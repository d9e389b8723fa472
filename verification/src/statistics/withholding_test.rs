//! Attacks on what is shown. The attacker knows every figure, the step, the threshold and how kinds hang together, and finds out for each
//! withheld figure exactly which numbers it can be. With small steps and small numbers, where rounding hides least, every way of reckoning that
//! there is comes up; the rules are the same for tens.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use store::CounterKind::{Certified, Claimed, Delivered, Expired, Issued};
use store::{CounterKind, Day, DayCounts, PerKind, Statistic};

use super::withholding::Withholding;

/// How many days an attacked table has.
const DAYS: usize = 5;
/// How many tables are attacked, of each kind.
const TABLES: usize = 8;
/// No number is greater in the attacker's mind.
const MOST: u64 = 11;

/// A day of which everything is known.
fn day(number: usize, counts: PerKind<u64>) -> DayCounts {
    DayCounts { day: Day::new(i32::try_from(number).expect("small")), counts }
}

/// What happens in a small place: each code ends on its day or the next, each token becomes a certificate then or then or never, and so with
/// deliveries.
fn world(rng: &mut StdRng) -> Vec<PerKind<u64>> {
    let mut days = vec![PerKind::default(); DAYS + 2];
    let busy = rng.random_range(3..=6);
    for today in 0..DAYS {
        for _ in 0..rng.random_range(0..=busy) {
            days[today][Issued] += 1;
            let end = today + rng.random_range(0..=1);
            let kind = if rng.random_bool(0.6) { Claimed } else { Expired };
            days[end][kind] += 1;
            if kind == Claimed && rng.random_bool(0.9) {
                days[end + rng.random_range(0..=1)][Certified] += 1;
            }
            if rng.random_bool(0.8) {
                days[today + rng.random_range(0..=1)][Delivered] += 1;
            }
        }
    }
    days.truncate(DAYS);
    days
}

/// What is shown of it.
fn shown(rules: Withholding, world: &[PerKind<u64>]) -> Vec<Statistic> {
    let mut days = Vec::new();
    for (number, counts) in world.iter().enumerate() {
        rules.add(&mut days, &day(number, *counts));
    }
    days
}

/// What would be shown if each figure stood for itself.
fn rounded_alone(rules: Withholding, world: &[PerKind<u64>]) -> Vec<Statistic> {
    let figure = |count| (count >= rules.threshold).then(|| count / rules.step * rules.step);
    let days = world.iter().enumerate().map(|(number, counts)| Statistic {
        day: day(number, *counts).day,
        figures: PerKind::from_fn(|kind| figure(counts[kind])),
    });
    days.collect()
}

/// Who tries to find out what is withheld.
#[derive(Debug, Clone, Copy)]
struct Attacker {
    rules: Withholding,
    /// What a withheld figure can be at most, for all that is known.
    most: u64,
}

/// A withheld figure, and a number that it might be.
#[derive(Debug, Clone, Copy)]
struct Guess {
    day: usize,
    kind: CounterKind,
    number: u64,
}

/// What becomes of codes beside their end.
#[derive(Debug, Clone, Copy)]
struct Part {
    kind: CounterKind,
    /// What it is a part of.
    of: CounterKind,
}

/// The numbers that a figure may stand for: all that are shown like it, or any at all.
fn range(attacker: Attacker, days: &[Statistic], at: usize, kind: CounterKind, guess: Guess) -> (u64, u64) {
    if guess.day == at && guess.kind == kind {
        return (guess.number, guess.number);
    }
    days[at].figures[kind].map_or((0, attacker.most), |figure| (figure, figure + attacker.rules.step - 1))
}

/// Whether there is a course of events in which the guess is right and everything else is as it is shown: day by day, for each number of codes
/// that may be out in the evening, how many tokens or codes there may be from which `part` may follow tomorrow, a bit each.
fn is_possible(attacker: Attacker, days: &[Statistic], part: Part, guess: Guess) -> bool {
    let mut evening = [0_u16; 16];
    evening[0] = 1;
    for at in 0..days.len() {
        let range = |kind| range(attacker, days, at, kind, guess);
        let [issued, claimed, expired, parts] = [Issued, Claimed, Expired, part.kind].map(range);
        let mut next = [0; 16];
        for (out, left) in (0..).zip(evening).filter(|(_, left)| *left != 0) {
            let remains: Vec<_> = (0..=MOST).map(|fresh| remains(left, fresh, parts)).collect();
            for issued in issued.0..=issued.1 {
                for at_once in 0..=issued {
                    let ended = out + at_once;
                    let claims = (claimed.0..=claimed.1.min(ended))
                        .filter(|claims| (expired.0..=expired.1).contains(&(ended - claims)));
                    for claimed in claims {
                        let fresh = if part.of == Claimed { claimed } else { issued };
                        next[place(issued - at_once)] |= remains[place(fresh)];
                    }
                }
            }
        }
        evening = next;
    }
    evening.iter().any(|left| *left != 0)
}

/// What may remain until tomorrow when these were left from yesterday, so many are fresh, and so many in all are taken.
fn remains(left: u16, fresh: u64, taken: (u64, u64)) -> u16 {
    let lefts = (0..=MOST).filter(|left_over| left & (1 << left_over) != 0);
    let of_fresh = lefts.flat_map(|left_over| taken.0.saturating_sub(left_over)..=taken.1.min(fresh));
    of_fresh.fold(0, |remains, taken| remains | 1 << (fresh - taken))
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("small")
}

/// The withheld figures of a table that cannot be everything from zero up to the threshold.
fn narrowed(attacker: Attacker, days: &[Statistic]) -> Vec<Guess> {
    let mut found = Vec::new();
    for part in [Part { kind: Certified, of: Claimed }, Part { kind: Delivered, of: Issued }] {
        for at in 0..days.len() {
            for kind in [Issued, Claimed, Expired, part.kind] {
                if days[at].figures[kind].is_some() {
                    continue;
                }
                // What can be both can be everything between: half of two courses of events is one.
                for number in [0, attacker.rules.threshold - 1] {
                    let guess = Guess { day: at, kind, number };
                    if !is_possible(attacker, days, part, guess) {
                        found.push(guess);
                    }
                }
            }
        }
    }
    found
}

#[test]
fn no_withheld_figure_can_be_reckoned_from_those_that_are_shown() {
    let mut rng = StdRng::seed_from_u64(10);
    let (mut figures, mut given_away) = (0, 0);
    for rules in [Withholding { step: 2, threshold: 2 }, Withholding { step: 2, threshold: 4 }] {
        for _ in 0..TABLES {
            let world = world(&mut rng);
            let days = shown(rules, &world);
            let found = narrowed(Attacker { rules, most: MOST }, &days);
            assert!(found.is_empty(), "{rules:?} {found:?} in {days:?} of {world:?}");
            figures += days.iter().flat_map(|day| CounterKind::ALL.map(|kind| day.figures[kind])).flatten().count();
            // Where each figure stands for itself, what is withheld is known to be small.
            let knowing = Attacker { rules, most: rules.threshold - 1 };
            given_away += usize::from(!narrowed(knowing, &rounded_alone(rules, &world)).is_empty());
        }
    }
    assert!(figures > 20, "something is shown: {figures}");
    assert!(given_away > 2, "and the attacker is good at it where figures stand for themselves: {given_away}");
}

fn counts(issued: u64, claimed: u64, expired: u64, certified: u64) -> PerKind<u64> {
    let mut counts = PerKind::default();
    counts[Issued] = issued;
    counts[Claimed] = claimed;
    counts[Expired] = expired;
    counts[Certified] = certified;
    counts
}

fn row(day: &Statistic) -> [Option<u64>; 4] {
    [Issued, Claimed, Expired, Certified].map(|kind| day.figures[kind])
}

#[test]
fn figures_are_in_steps_of_ten_and_withheld_below_the_threshold() {
    let rules = |threshold| Withholding { step: 10, threshold };
    let world = [counts(129, 70, 29, 60), counts(109, 80, 31, 70), counts(100, 81, 9, 80), counts(9, 3, 4, 3)];
    let days: Vec<_> = shown(rules(10), &world).iter().map(row).collect();
    assert_eq!(days[0], [Some(120), Some(70), Some(20), Some(60)]);
    assert_eq!(days[1], [Some(100), Some(80), Some(30), Some(70)]);
    assert_eq!(days[2], [Some(100), Some(80), None, Some(80)], "the small one alone is withheld");
    assert_eq!(days[3], [None; 4]);
    let days: Vec<_> = shown(rules(30), &world).iter().map(row).collect();
    assert_eq!(days[0], [Some(120), Some(70), None, Some(60)]);
    assert_eq!(days[1], [Some(100), Some(80), Some(30), Some(70)]);
}

#[test]
fn what_would_give_a_withheld_figure_away_is_withheld_too() {
    let rules = Withholding { step: 10, threshold: 10 };
    // Of five codes and fifteen more, twenty expired on the second day: that says that there was at least one on the first.
    let days = shown(rules, &[counts(5, 0, 0, 0), counts(15, 0, 20, 0), counts(40, 20, 10, 10)]);
    assert_eq!(row(&days[0]), [None; 4]);
    assert_eq!(row(&days[1]), [Some(10), None, None, None]);
    assert_eq!(row(&days[2]), [Some(40), Some(20), Some(10), None], "claims of the day before are withheld");
    // Thirty codes of a day of which none is known to have ended on it must have ended on the next.
    let days = shown(rules, &[counts(39, 0, 0, 0), counts(12, 12, 0, 0), counts(11, 39, 0, 0)]);
    assert!(days.iter().all(|day| day.figures[Claimed].is_none() || day.figures[Issued].is_some()));
}

#[test]
fn a_day_that_is_shown_does_not_depend_on_those_after_it() {
    let mut rng = StdRng::seed_from_u64(3);
    let rules = Withholding { step: 2, threshold: 2 };
    for _ in 0..50 {
        let world = world(&mut rng);
        let whole = shown(rules, &world);
        for days in 1..DAYS {
            assert_eq!(shown(rules, &world[..days]), whole[..days]);
        }
    }
}
