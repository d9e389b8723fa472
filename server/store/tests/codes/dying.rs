//! What is left of everything once its time is over.

use std::collections::BTreeMap;

use proto::Timestamp;
use store::{CodeForm, CodeStore, Day, ExpireOutcome, Guesser, MessageState, NewSelfReport, PerKind, Statistic, Tally};

use crate::engine::Engine;
use crate::guessing::guess;
use crate::samples::{CODE_LIFE, NOW, TOKEN_LIFE, authorities, bound, certify, code, digest, form, unbound};

/// The tables whose rows have an end: what is about a person, a telephone, a network or a day.
const DYING: [&str; 9] = [
    "code",
    "code_digest",
    "commitment",
    "counter",
    "guess_prefix",
    "guess_tally",
    "message_tally",
    "self_report",
    "statistic",
];
/// Those of them that are about no person: figures, kept for as long as the authority likes.
const FIGURES: [&str; 2] = ["counter", "statistic"];
/// The tables that stay: authorities and their keys, and the ring of rows that mean nothing.
const KEPT: [&str; 4] = ["api_key", "authority", "authority_key", "chaff"];
/// How many rows of a kind go at a time.
const LIMIT: u32 = 2;

/// Something in every table.
async fn live(store: &dyn CodeStore) {
    authorities(store).await;
    for byte in 1..=6 {
        let mut code = code(byte);
        code.forms.push(form(CodeForm::Long, byte + 100, 2 * CODE_LIFE));
        store.issue(&code, NOW).await.expect("issued");
    }
    // One is claimed and certified twice, one only claimed and to be repeated, one ended early, one delivered, two are left alone.
    store.claim(&bound(1, 7, NOW)).await.expect("claimed");
    for commitment in [1, 2] {
        store.certify(&certify(1, 7, commitment, NOW)).await.expect("certified");
    }
    store.claim(&unbound(2, 8, NOW)).await.expect("claimed");
    let ended = store.expire("a", [3; 16], NOW).await.expect("answered");
    assert!(matches!(ended, ExpireOutcome::Expired(_)));
    store.record_delivery("a", [4; 16], MessageState::Delivered, NOW).await.expect("recorded");
    for byte in [20, 21] {
        let report = NewSelfReport { code: code(byte), phone: vec![digest(byte + 30)] };
        store.self_report(&report, NOW).await.expect("taken");
    }
    store.claim(&bound(20, 9, NOW)).await.expect("claimed");
    for network in 1..=3 {
        store.guess(&guess(network, 255), NOW).await.expect("counted");
    }
    let by_relay = store::Guess { guesser: Guesser::Relay("one".to_owned()), ..guess(1, 255) };
    store.guess(&by_relay, NOW).await.expect("counted");
    for byte in 1..=3 {
        let tally = Tally { digests: vec![[byte; 32]], limit: 5, ends_at: NOW.plus(86_400) };
        store.count_message(&[tally], NOW).await.expect("counted");
    }
    let yesterday = Statistic { day: Day::containing(NOW).plus(-1), figures: PerKind::from_fn(|_| Some(10)) };
    assert!(store.freeze("a", &[yesterday]).await.expect("written"));
}

/// Forgets what may be forgotten, in small steps.
async fn forget(store: &dyn CodeStore, now: Timestamp, oldest: Day) {
    loop {
        let codes = store.purge(now, LIMIT).await.expect("purged");
        let guesses = store.forget_guesses(now, LIMIT).await.expect("forgotten");
        let counts = store.forget_counts(oldest, LIMIT).await.expect("forgotten");
        if codes + guesses + counts == 0 {
            return;
        }
    }
}

/// The tables of a list that have rows.
fn filled<'a>(rows: &BTreeMap<String, i64>, list: &[&'a str]) -> Vec<&'a str> {
    list.iter().copied().filter(|table| rows.get(*table).is_some_and(|rows| *rows > 0)).collect()
}

pub(crate) async fn after_everything_has_died_only_authorities_remain(engine: &impl Engine) {
    let store = engine.open().await;
    live(&*store).await;
    let rows = engine.rows().await;
    let unknown: Vec<_> = rows.keys().filter(|table| ![&DYING[..], &KEPT].concat().contains(&table.as_str())).collect();
    assert!(unknown.is_empty(), "a new table belongs into one of the lists, dying or kept: {unknown:?}");
    let there =
        |list: &[&'static str]| -> Vec<_> { list.iter().copied().filter(|table| rows.contains_key(*table)).collect() };
    assert_eq!(filled(&rows, &DYING), there(&DYING), "each table that is there has something that can die");

    // Nothing of what lives is lost, however often somebody forgets.
    let (long_ago, today) = (Day::new(0), Day::containing(NOW));
    forget(&*store, NOW.plus(CODE_LIFE - 1), long_ago).await;
    assert_eq!(engine.rows().await, rows, "nothing was over");
    forget(&*store, NOW.plus(TOKEN_LIFE - 1), long_ago).await;
    let again = store.certify(&certify(1, 7, 2, NOW.plus(TOKEN_LIFE - 1))).await.expect("answered");
    assert!(matches!(again, store::CertifyOutcome::Certified(_)), "the token lives for a day");

    // Three days later nothing is left that is about a person.
    forget(&*store, NOW.plus(3 * 86_400), long_ago).await;
    assert_eq!(filled(&engine.rows().await, &DYING), FIGURES);
    // The figures go when the authority does not want them any more.
    forget(&*store, NOW.plus(4 * 86_400), today).await;
    assert_eq!(filled(&engine.rows().await, &DYING), ["counter"], "the counts of the last days are young enough");
    forget(&*store, NOW.plus(90 * 86_400), today.plus(60)).await;
    let left = engine.rows().await;
    assert!(filled(&left, &DYING).is_empty(), "{left:?}");
    assert_eq!(left["authority"], 2);
}
