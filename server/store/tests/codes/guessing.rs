//! What wrong codes cost, and whom.

use std::sync::Arc;

use proto::Timestamp;
use store::{CodeForm, CodeStore, Guess, GuessLimits, GuessOutcome, GuessScope, Guesser, Spelling};

use crate::engine::Engine;
use crate::samples::{CODE_LIFE, NOW, authorities, bound, code, digest, form, look_up};

/// Small enough to be spent by hand.
const LIMITS: GuessLimits = GuessLimits { prefix: 3, authority: 6, all: 9, relay: 4 };
/// No code has this digest.
const NO_CODE: u8 = 255;
const HOUR: i64 = 3_600;

/// What is said of a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Found,
    Wrong,
    Spent(Timestamp),
    Suspended(Timestamp),
}

/// A guess from the network with this number that the code of authority `a` is the one of this byte.
pub(crate) fn guess(network: u8, byte: u8) -> Guess {
    Guess {
        authority: "a".to_owned(),
        spelling: Spelling::Digits,
        digests: vec![digest(byte)],
        guesser: Guesser::Prefix([network; 32]),
        stripe: network % store::STRIPES,
        limits: LIMITS,
    }
}

fn by_relay(name: &str, byte: u8) -> Guess {
    Guess { guesser: Guesser::Relay(name.to_owned()), ..guess(0, byte) }
}

fn of_b(guess: Guess) -> Guess {
    Guess { authority: "b".to_owned(), ..guess }
}

fn in_crockford(guess: Guess) -> Guess {
    Guess { spelling: Spelling::Crockford, ..guess }
}

async fn said(store: &dyn CodeStore, guess: Guess, now: Timestamp) -> Said {
    match store.guess(&guess, now).await.expect("answered") {
        GuessOutcome::Found(found) => {
            assert!(guess.digests.contains(&found.digest));
            Said::Found
        }
        GuessOutcome::Wrong => Said::Wrong,
        GuessOutcome::Spent { retry_at } => Said::Spent(retry_at),
        GuessOutcome::Suspended { retry_at } => Said::Suspended(retry_at),
    }
}

/// A database in which these codes of `a` wait.
async fn with_codes(engine: &impl Engine, bytes: std::ops::RangeInclusive<u8>) -> Arc<dyn CodeStore> {
    let store = engine.open().await;
    authorities(&*store).await;
    for byte in bytes {
        store.issue(&code(byte), NOW).await.expect("issued");
    }
    store
}

/// Has each of these networks fail once.
async fn fail(store: &dyn CodeStore, networks: std::ops::Range<u8>, now: Timestamp) {
    for network in networks {
        assert_eq!(said(store, guess(network, NO_CODE), now).await, Said::Wrong, "network {network}");
    }
}

async fn failures(store: &dyn CodeStore, scopes: &[GuessScope], now: Timestamp) -> Vec<u64> {
    store.failures(Spelling::Digits, scopes, now).await.expect("counted")
}

pub(crate) async fn of_many_guesses_at_once_no_more_than_the_budget_are_looked_up(engine: &impl Engine) {
    let stores = [with_codes(engine, 1..=1).await, engine.open().await];
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..200_u8 {
        let store = Arc::clone(&stores[usize::from(number % 2)]);
        let limits = GuessLimits { prefix: 10, authority: 1_000, all: 1_000, relay: 1_000 };
        let guess = Guess { stripe: number % store::STRIPES, limits, ..guess(1, 50 + number) };
        guesses.spawn(async move { said(&*store, guess, NOW).await });
    }
    let said = guesses.join_all().await;
    assert_eq!(said.iter().filter(|said| **said == Said::Wrong).count(), 10);
    assert_eq!(said.iter().filter(|said| **said == Said::Spent(NOW.plus(HOUR))).count(), 190);
    let counted = failures(&*stores[0], &[GuessScope::All, GuessScope::Authority("a".into())], NOW).await;
    assert_eq!(counted, [10, 10], "what was not looked up is not counted");
}

pub(crate) async fn honest_people_behind_one_address_are_all_served_and_leave_no_trace(engine: &impl Engine) {
    let stores = [with_codes(engine, 1..=50).await, engine.open().await];
    for round in 0..2 {
        let mut claims = tokio::task::JoinSet::new();
        for byte in 1..=50 {
            let store = Arc::clone(&stores[usize::from(byte % 2)]);
            claims.spawn(async move { said(&*store, guess(1, byte), NOW).await });
        }
        let said = claims.join_all().await;
        assert!(said.iter().all(|said| *said == Said::Found), "round {round}: {said:?}");
    }
    assert_eq!(failures(&*stores[0], &[GuessScope::All], NOW).await, [0]);
    let doomsday = NOW.plus(1_000 * HOUR);
    assert_eq!(stores[0].forget_guesses(doomsday, 100).await.expect("purged"), 0, "there is not even a row");
    for _ in 0..LIMITS.prefix {
        assert_eq!(said(&*stores[0], guess(1, NO_CODE), NOW).await, Said::Wrong, "the budget is as it was");
    }
}

pub(crate) async fn a_code_that_is_found_is_no_failure_whatever_became_of_it(engine: &impl Engine) {
    let store = with_codes(engine, 1..=2).await;
    store.claim(&bound(1, 7, NOW)).await.expect("claimed");
    for _ in 0..5 {
        assert_eq!(said(&*store, guess(1, 1), NOW).await, Said::Found, "used");
        assert_eq!(said(&*store, guess(1, 2), NOW.plus(CODE_LIFE)).await, Said::Found, "expired");
    }
    assert_eq!(failures(&*store, &[GuessScope::All], NOW).await, [0]);
}

pub(crate) async fn a_spent_network_is_refused_until_the_hour_ends(engine: &impl Engine) {
    let store = with_codes(engine, 1..=1).await;
    for second in 0..3 {
        assert_eq!(said(&*store, guess(1, NO_CODE), NOW.plus(second)).await, Said::Wrong);
    }
    let refused = Said::Spent(NOW.plus(HOUR));
    for later in [3, HOUR - 1] {
        assert_eq!(said(&*store, guess(1, NO_CODE), NOW.plus(later)).await, refused);
        assert_eq!(said(&*store, guess(1, 1), NOW.plus(later)).await, refused, "a good code is not even looked up");
        assert_eq!(said(&*store, guess(2, 1), NOW.plus(later)).await, Said::Found, "nobody else's business");
    }
    for _ in 0..3 {
        assert_eq!(said(&*store, guess(1, NO_CODE), NOW.plus(HOUR)).await, Said::Wrong, "a new hour, a new budget");
    }
    assert_eq!(said(&*store, guess(1, 1), NOW.plus(HOUR)).await, Said::Spent(NOW.plus(2 * HOUR)));
}

pub(crate) async fn a_spent_authority_suspends_networks_that_failed_and_no_others(engine: &impl Engine) {
    let store = with_codes(engine, 1..=1).await;
    fail(&*store, 10..16, NOW).await;
    let refused = Said::Suspended(NOW.plus(HOUR));
    for network in 10..16 {
        assert_eq!(said(&*store, guess(network, 1), NOW).await, refused);
        assert_eq!(said(&*store, guess(network, NO_CODE), NOW).await, refused);
    }
    assert_eq!(said(&*store, guess(1, 1), NOW).await, Said::Found, "a network without failures is always served");
    assert_eq!(said(&*store, guess(2, NO_CODE), NOW).await, Said::Wrong, "even if it fails");
    assert_eq!(said(&*store, guess(2, 1), NOW).await, refused, "once");
    assert_eq!(said(&*store, of_b(guess(10, NO_CODE)), NOW).await, Said::Wrong, "another authority's is not spent");
    assert_eq!(said(&*store, guess(10, 1), NOW.plus(HOUR)).await, Said::Found, "a new hour");
}

pub(crate) async fn a_spent_total_suspends_networks_that_failed_whomever_they_tried(engine: &impl Engine) {
    let store = with_codes(engine, 1..=1).await;
    let stranger = |network| of_b(guess(network, NO_CODE));
    for network in 20..25 {
        assert_eq!(said(&*store, stranger(network), NOW).await, Said::Wrong);
    }
    fail(&*store, 10..14, NOW).await;
    let scopes = [GuessScope::All, GuessScope::Authority("b".into()), GuessScope::Authority("a".into())];
    assert_eq!(failures(&*store, &scopes, NOW).await, [9, 5, 4], "no authority's budget is spent, all of them are");
    for network in (20..25).chain(10..14) {
        assert_eq!(said(&*store, guess(network, 1), NOW).await, Said::Suspended(NOW.plus(HOUR)));
        assert_eq!(said(&*store, stranger(network), NOW).await, Said::Suspended(NOW.plus(HOUR)));
    }
    assert_eq!(said(&*store, guess(1, 1), NOW).await, Said::Found);
}

pub(crate) async fn of_many_first_guesses_of_a_network_at_once_one_is_served_under_attack(engine: &impl Engine) {
    let store = with_codes(engine, 1..=1).await;
    fail(&*store, 10..16, NOW).await;
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..40_u8 {
        let store = Arc::clone(&store);
        let guess = Guess { stripe: number % store::STRIPES, ..guess(1, 100 + number) };
        guesses.spawn(async move { said(&*store, guess, NOW).await });
    }
    let said = guesses.join_all().await;
    assert_eq!(said.iter().filter(|said| **said == Said::Wrong).count(), 1);
    assert_eq!(said.iter().filter(|said| **said == Said::Suspended(NOW.plus(HOUR))).count(), 39);
}

pub(crate) async fn a_network_is_remembered_for_a_day(engine: &impl Engine) {
    let store = with_codes(engine, 1..=1).await;
    fail(&*store, 1..2, NOW).await;
    for (hours, expected) in [(23, Said::Suspended(NOW.plus(24 * HOUR))), (24, Said::Found)] {
        let now = NOW.plus(hours * HOUR);
        fail(&*store, 10..16, now).await;
        assert_eq!(said(&*store, guess(1, 1), now).await, expected, "after {hours} hours");
    }
}

pub(crate) async fn digits_and_crockford_codes_have_budgets_of_their_own(engine: &impl Engine) {
    let store = with_codes(engine, 1..=1).await;
    for _ in 0..3 {
        assert_eq!(said(&*store, guess(1, NO_CODE), NOW).await, Said::Wrong);
    }
    fail(&*store, 10..13, NOW).await;
    assert_eq!(said(&*store, guess(1, 1), NOW).await, Said::Spent(NOW.plus(HOUR)));
    assert_eq!(said(&*store, guess(10, 1), NOW).await, Said::Suspended(NOW.plus(HOUR)));
    for network in [1, 10] {
        assert_eq!(said(&*store, in_crockford(guess(network, NO_CODE)), NOW).await, Said::Wrong);
        assert_eq!(said(&*store, in_crockford(guess(network, 1)), NOW).await, Said::Found);
    }
    assert_eq!(failures(&*store, &[GuessScope::All], NOW).await, [6]);
    assert_eq!(store.failures(Spelling::Crockford, &[GuessScope::All], NOW).await.expect("counted"), [2]);
}

pub(crate) async fn a_relay_is_served_until_its_own_budget_is_spent(engine: &impl Engine) {
    let store = with_codes(engine, 1..=1).await;
    fail(&*store, 10..16, NOW).await;
    let relay = GuessScope::Relay("west".into());
    for _ in 0..4 {
        assert_eq!(said(&*store, by_relay("west", NO_CODE), NOW).await, Said::Wrong, "although the authority is spent");
        assert_eq!(said(&*store, by_relay("east", 1), NOW).await, Said::Found);
    }
    let scopes = [relay.clone(), GuessScope::Authority("a".into()), GuessScope::All];
    assert_eq!(failures(&*store, &scopes, NOW).await, [4, 10, 10], "its failures count in the other tallies, too");
    assert_eq!(said(&*store, by_relay("west", 1), NOW).await, Said::Spent(NOW.plus(HOUR)));
    assert_eq!(said(&*store, by_relay("east", NO_CODE), NOW).await, Said::Wrong, "another relay's budget");
    assert_eq!(said(&*store, by_relay("west", 1), NOW.plus(HOUR)).await, Said::Found);
}

pub(crate) async fn a_long_code_is_found_without_a_budget_and_a_short_one_never_so(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    let mut both = code(1);
    both.forms.push(form(CodeForm::Long, 2, 10 * CODE_LIFE));
    store.issue(&both, NOW).await.expect("issued");
    let long = store.find_long("a", &[digest(NO_CODE), digest(2)]).await.expect("looked up").expect("found");
    assert!(long.id == both.id && long.digest == digest(2));
    assert!(store.find_long("a", &[digest(1)]).await.expect("looked up").is_none());
    assert!(store.find_long("b", &[digest(2)]).await.expect("looked up").is_none());
    assert!(store.find_long("a", &[]).await.expect("looked up").is_none());
    assert_eq!(said(&*store, guess(1, 2), NOW).await, Said::Wrong);
    assert_eq!(said(&*store, guess(1, 1), NOW).await, Said::Found);
    assert!(look_up(&*store, "a", &[digest(NO_CODE), digest(1)]).await.is_some_and(|found| found.digest == digest(1)));
}

pub(crate) async fn a_clock_that_is_late_renews_no_budget(engine: &impl Engine) {
    let store = with_codes(engine, 1..=1).await;
    let (late, early) = (NOW.plus(-1), NOW);
    for now in [late, early, late] {
        assert_eq!(said(&*store, guess(1, NO_CODE), now).await, Said::Wrong);
    }
    // The one before the hour's turn counts no more, the one that was late counts in the hour that had begun for others.
    assert_eq!(said(&*store, guess(1, NO_CODE), early).await, Said::Wrong);
    for now in [early, late, early] {
        assert!(matches!(said(&*store, guess(1, NO_CODE), now).await, Said::Spent(_)));
    }
}

pub(crate) async fn what_was_counted_is_forgotten_in_bounded_steps(engine: &impl Engine) {
    let store = with_codes(engine, 1..=1).await;
    // Five networks in five stripes of two tallies.
    fail(&*store, 10..15, NOW).await;
    let forget = async |hours: i64, limit| store.forget_guesses(NOW.plus(hours * HOUR), limit).await.expect("purged");
    assert_eq!(forget(1, 100).await, 0);
    assert_eq!([forget(2, 4).await, forget(2, 4).await, forget(2, 4).await, forget(2, 4).await], [4, 4, 2, 0]);
    assert_eq!(forget(23, 100).await, 0);
    assert_eq!([forget(24, 3).await, forget(24, 3).await, forget(24, 3).await], [3, 2, 0]);
    assert_eq!(failures(&*store, &[GuessScope::All], NOW).await, [0]);
}

pub(crate) async fn a_day_of_guesses_finds_what_arithmetic_says(engine: &impl Engine) {
    // Ten networks try once an hour each. First each of them is served, since none has failed; from the second hour on nine in all are, and of
    // these six for one authority.
    for (of_one_authority, served_later) in [(true, LIMITS.authority), (false, LIMITS.all)] {
        let store = with_codes(engine, 0..=0).await;
        let base = NOW.plus(if of_one_authority { 0 } else { 100 * HOUR });
        let mut served = Vec::new();
        for hour in 0..24 {
            let now = base.plus(hour * HOUR);
            let mut wrong = 0;
            for network in 0..10 {
                let tried = guess(network, NO_CODE);
                let tried = if of_one_authority || network % 2 == 0 { tried } else { of_b(tried) };
                wrong += u32::from(said(&*store, tried, now).await == Said::Wrong);
            }
            served.push(wrong);
        }
        let expected: Vec<u32> = std::iter::once(10).chain(std::iter::repeat_n(served_later, 23)).collect();
        assert_eq!(served, expected);
    }
}
