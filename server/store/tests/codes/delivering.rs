//! How many messages are sent, and what is known of them.

use std::sync::Arc;

use proto::Timestamp;
use store::{ClaimOutcome, CountOutcome, CounterKind, Day, MessageState, Tally};

use crate::engine::Engine;
use crate::samples::{CODE_LIFE, NOW, TERMS, authorities, bound, code};

const DAY: Timestamp = NOW.plus(86_400);
const HOUR: Timestamp = NOW.plus(3_600);

fn tally(byte: u8, limit: u32, ends_at: Timestamp) -> Tally {
    Tally { digests: vec![[byte; 32]], limit, ends_at }
}

pub(crate) async fn a_message_is_counted_in_every_tally_or_in_none(engine: &impl Engine) {
    let store = engine.open().await;
    let message = [tally(1, 3, DAY), tally(2, 2, HOUR)];
    for _ in 0..2 {
        assert_eq!(store.count_message(&message, NOW).await.expect("counted"), CountOutcome::Counted);
    }
    let full = CountOutcome::Full { until: HOUR };
    for _ in 0..3 {
        assert_eq!(store.count_message(&message, NOW).await.expect("looked"), full);
    }
    // The first tally had room for one more all the time.
    assert_eq!(store.count_message(&message[..1], NOW).await.expect("counted"), CountOutcome::Counted);
    let both = CountOutcome::Full { until: DAY };
    assert_eq!(store.count_message(&message, NOW).await.expect("looked"), both, "the later of the two");
    assert_eq!(store.count_message(&[tally(3, 0, DAY)], NOW).await.expect("looked"), both, "nothing is allowed");
    assert_eq!(store.count_message(&[tally(4, 1, DAY)], NOW).await.expect("counted"), CountOutcome::Counted);
}

pub(crate) async fn what_was_not_sent_is_taken_back(engine: &impl Engine) {
    let store = engine.open().await;
    let message = [tally(1, 2, DAY), tally(2, 1, HOUR)];
    store.uncount_message(&message, NOW).await.expect("there is nothing to take back");
    for _ in 0..3 {
        assert_eq!(store.count_message(&message, NOW).await.expect("counted"), CountOutcome::Counted);
        assert_eq!(store.count_message(&message, NOW).await.expect("looked"), CountOutcome::Full { until: HOUR });
        store.uncount_message(&message, NOW).await.expect("taken back");
    }
    for _ in 0..2 {
        assert_eq!(store.count_message(&message[..1], NOW).await.expect("counted"), CountOutcome::Counted);
    }
    assert_eq!(store.count_message(&message[..1], NOW).await.expect("looked"), CountOutcome::Full { until: DAY });
}

pub(crate) async fn a_tally_begins_anew_when_it_has_ended(engine: &impl Engine) {
    let store = engine.open().await;
    let count = async |now: Timestamp, ends_at| store.count_message(&[tally(1, 2, ends_at)], now).await.expect("asked");
    assert_eq!([count(NOW, HOUR).await, count(NOW, HOUR).await], [CountOutcome::Counted; 2]);
    assert_eq!(count(NOW.plus(3_599), HOUR).await, CountOutcome::Full { until: HOUR });
    let next = NOW.plus(7_200);
    assert_eq!([count(HOUR, next).await, count(HOUR, next).await], [CountOutcome::Counted; 2]);
    assert_eq!(count(HOUR, next).await, CountOutcome::Full { until: next });
}

pub(crate) async fn a_clock_that_is_late_renews_no_tally(engine: &impl Engine) {
    let store = engine.open().await;
    let count = async |now: Timestamp, ends_at| store.count_message(&[tally(1, 2, ends_at)], now).await.expect("asked");
    let (late, next) = (HOUR.plus(-1), HOUR.plus(3_600));
    // One program has begun the next hour, another still counts in the hour before.
    assert_eq!([count(HOUR, next).await, count(late, HOUR).await], [CountOutcome::Counted; 2]);
    assert_eq!(count(HOUR, next).await, CountOutcome::Full { until: next });
    assert!(matches!(count(late, HOUR).await, CountOutcome::Full { .. }));
    assert_eq!(count(next.plus(-1), next).await, CountOutcome::Full { until: next }, "to the end of the later hour");
    assert_eq!(count(next, next.plus(3_600)).await, CountOutcome::Counted);
}

pub(crate) async fn what_was_counted_under_an_older_secret_counts(engine: &impl Engine) {
    let store = engine.open().await;
    let before = tally(1, 3, HOUR);
    for _ in 0..2 {
        assert_eq!(
            store.count_message(std::slice::from_ref(&before), NOW).await.expect("counted"),
            CountOutcome::Counted
        );
    }
    let after = [Tally { digests: vec![[2; 32], [1; 32]], ..before }];
    assert_eq!(store.count_message(&after, NOW).await.expect("counted"), CountOutcome::Counted);
    assert_eq!(store.count_message(&after, NOW).await.expect("looked"), CountOutcome::Full { until: HOUR });
}

pub(crate) async fn many_messages_at_once_stop_at_the_limit(engine: &impl Engine) {
    let store = engine.open().await;
    let messages: Vec<_> = (0..24)
        .map(|phone| {
            let store = store.clone();
            // Two phones of one block, of one authority: only the block's tally is narrow.
            let message = [tally(phone % 2, 100, DAY), tally(10, 7, HOUR), tally(20, 100, DAY)];
            tokio::spawn(async move { store.count_message(&message, NOW).await.expect("asked") })
        })
        .collect();
    let mut counted = 0;
    for message in messages {
        counted += usize::from(message.await.expect("finished") == CountOutcome::Counted);
    }
    assert_eq!(counted, 7);
    // What was refused left no count behind.
    let rest = tally(20, 100, DAY);
    for _ in 7..100 {
        assert_eq!(
            store.count_message(std::slice::from_ref(&rest), NOW).await.expect("counted"),
            CountOutcome::Counted
        );
    }
    assert_eq!(store.count_message(&[rest], NOW).await.expect("looked"), CountOutcome::Full { until: DAY });
}

pub(crate) async fn tallies_are_forgotten_in_bounded_steps(engine: &impl Engine) {
    let store = engine.open().await;
    for byte in 1..=5 {
        store.count_message(&[tally(byte, 1, HOUR), tally(byte + 100, 1, DAY)], NOW).await.expect("counted");
    }
    let purge = async |now, limit| store.purge(now, limit).await.expect("purged");
    assert_eq!(purge(HOUR.plus(-1), 100).await, 0);
    assert_eq!([purge(HOUR, 3).await, purge(HOUR, 3).await, purge(HOUR, 3).await], [3, 2, 0]);
    assert_eq!([purge(DAY, 100).await, purge(DAY, 100).await], [5, 0]);
    drop(store);
    let everything = engine.everything().await;
    assert!(!everything.windows(32).any(|window| window == [101; 32]), "nothing is left of a number after a day");
}

pub(crate) async fn what_is_delivered_stays_delivered(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&code(1), NOW).await.expect("issued");
    store.issue(&code(2), NOW).await.expect("issued");
    let is_delivered = async |authority, byte| store.is_delivered(authority, [byte; 16]).await.expect("looked up");
    let record = async |byte, state| store.record_delivery("a", [byte; 16], state, NOW).await.expect("recorded");
    assert!(!is_delivered("a", 1).await);
    record(1, MessageState::Unknown).await;
    assert!(!is_delivered("a", 1).await);
    record(1, MessageState::Delivered).await;
    record(1, MessageState::Unknown).await;
    assert!(is_delivered("a", 1).await);
    assert!(!is_delivered("b", 1).await && !is_delivered("a", 2).await && !is_delivered("a", 3).await);
    record(3, MessageState::Delivered).await;
    record(1, MessageState::Delivered).await;
    let today = Day::containing(NOW);
    let counted = store.counts("a", today, today).await.expect("read");
    assert_eq!(counted[0].counts[CounterKind::Delivered], 1, "once, and no code that is not there");
    assert_eq!(store.purge(NOW.plus(2 * 86_400 + CODE_LIFE), 100).await.expect("purged"), 4, "it goes with its code");
}

pub(crate) async fn what_is_refused_expires_unless_it_is_delivered(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    for byte in 1..=4 {
        store.issue(&code(byte), NOW).await.expect("issued");
    }
    let record = async |byte, state| store.record_delivery("a", [byte; 16], state, NOW).await.expect("recorded");
    let expire = async |who, byte| store.expire_undelivered(who, [byte; 16], NOW.plus(1)).await.expect("asked");
    let claim = async |byte| store.claim(&bound(byte, byte, NOW.plus(1))).await.expect("answered");
    record(1, MessageState::Delivered).await;
    record(2, MessageState::Unknown).await;
    assert!(expire("b", 1).await, "nobody else's code");
    assert!(!expire("a", 1).await);
    assert_eq!(claim(1).await, ClaimOutcome::Claimed(TERMS));
    for byte in [2, 3] {
        assert_eq!([expire("a", byte).await, expire("a", byte).await], [true; 2]);
        assert_eq!(claim(byte).await, ClaimOutcome::Expired);
    }
    assert!(!expire("a", 1).await, "claimed, and delivered before");
    assert_eq!(claim(4).await, ClaimOutcome::Claimed(TERMS));
    assert!(expire("a", 4).await, "claimed, and nobody knows how it was delivered");
    let today = Day::containing(NOW);
    assert_eq!(store.counts("a", today, today).await.expect("read")[0].counts[CounterKind::Expired], 2);
}

pub(crate) async fn a_delivery_and_a_refusal_at_once_are_seen_by_whoever_comes_second(engine: &impl Engine) {
    let stores = [engine.open().await, engine.open().await];
    authorities(&*stores[0]).await;
    for byte in 1..=40 {
        stores[0].issue(&code(byte), NOW).await.expect("issued");
        let [delivering, refusing] = [0, 1].map(|at| Arc::clone(&stores[at]));
        let uuid = [byte; 16];
        let deliver =
            tokio::spawn(async move { delivering.record_delivery("a", uuid, MessageState::Delivered, NOW).await });
        let refuse = tokio::spawn(async move { refusing.expire_undelivered("a", uuid, NOW.plus(1)).await });
        deliver.await.expect("ran").expect("recorded");
        let expired = refuse.await.expect("ran").expect("answered");
        let claimed = stores[0].claim(&bound(byte, 7, NOW.plus(1))).await.expect("answered");
        assert_eq!(claimed, if expired { ClaimOutcome::Expired } else { ClaimOutcome::Claimed(TERMS) });
    }
}
