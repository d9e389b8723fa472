//! The promises that are kept as the project does it, and how each other way breaks one.

use crate::checker::{Found, search};
use crate::promises::{self, Broken};
use crate::steps::{self, Action};
use crate::world::{Rules, UPLOADS, World};

/// Searches all that can happen under these rules for what breaks a promise.
fn all_of(rules: Rules, promises: impl Fn(&Broken) -> bool) -> Found<Action, Broken> {
    let next = |world: &World| steps::next(world, rules);
    let check = |from: &World, to: &World| promises::check(from, to, rules).filter(&promises);
    search(World::default(), next, check, World::renamed)
}

/// The shortest way in which broken rules break a promise. After a step, the exporters may have changed their names.
fn way_to(promise: Broken, rules: Rules) -> Vec<Action> {
    match all_of(rules, |broken| *broken == promise) {
        Found::Broken { way, .. } => {
            println!("{rules:?}: {promise:?} after {way:?}");
            way
        }
        Found::Kept { states } => panic!("{rules:?}: nothing is {promise:?} in {states} states"),
    }
}

#[test]
fn claiming_keeps_every_promise_in_every_order() {
    match all_of(Rules::AsBuilt, |_| true) {
        Found::Kept { states } => {
            println!("{states} states");
            assert!(states > 10_000, "only {states} states: what can happen?");
        }
        Found::Broken { promise, way } => panic!("{promise:?} is broken: {way:?}"),
    }
}

#[test]
fn a_window_over_times_of_receipt_loses_a_late_commit() {
    ensure_loses_a_late_commit(Rules::Window);
}

#[test]
fn ids_above_the_last_one_lose_a_late_commit() {
    ensure_loses_a_late_commit(Rules::Serial);
}

/// Somebody has written when a seal passes by, and has not committed.
fn ensure_loses_a_late_commit(rules: Rules) {
    let way = way_to(Broken::Lost, rules);
    let sealed = way.iter().position(|action| matches!(action, Action::Step(_, "seal"))).expect("a seal");
    let late = |upload: &u8| {
        way[..sealed].contains(&Action::Begin(*upload)) && !way[..sealed].contains(&Action::Commit(*upload))
    };
    assert!((0..UPLOADS as u8).any(|upload| late(&upload)), "{way:?}");
}

#[test]
fn a_seal_in_two_transactions_publishes_twice() {
    way_to(Broken::Twice, Rules::TornSeal);
}

#[test]
fn lists_before_objects_name_what_is_not_there() {
    way_to(Broken::NotThere, Rules::ListsFirst);
}

#[test]
fn a_failed_upload_that_is_tolerated_is_named_and_not_there() {
    let way = way_to(Broken::NotThere, Rules::Tolerant);
    assert!(way.iter().any(|action| matches!(action, Action::Refuse(_))), "{way:?}");
}

#[test]
fn without_compare_and_set_lists_go_backwards() {
    way_to(Broken::Backwards, Rules::NoCompareAndSet);
}

#[test]
fn a_manifest_that_is_read_before_the_index_lets_the_index_go_backwards() {
    way_to(Broken::Backwards, Rules::ManifestReadFirst);
}

#[test]
fn signatures_that_are_not_stored_first_show_two_phones_two_truths() {
    way_to(Broken::Differs, Rules::UnstoredSignatures);
}

#[test]
fn objects_that_are_overwritten_change() {
    way_to(Broken::Changed, Rules::Overwrites);
}

#[test]
fn a_pass_that_publishes_only_what_it_sealed_loses_what_a_crash_left() {
    let way = way_to(Broken::Lost, Rules::OwnBundlesOnly);
    assert!(way.iter().any(|action| matches!(action, Action::Crash(_))), "{way:?}");
}
