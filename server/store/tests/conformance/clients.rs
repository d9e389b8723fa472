//! What phones make of a feed: every bundle exactly once.

use proto::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use store::{BundleRow, KeyStore};

use crate::engine::Engine;
use crate::samples::{gaen, key, opened, policy, provenance, sealed};

/// How many bundles the feed gets.
const BUNDLES: u64 = 1_000;

/// A phone that keeps the newest end and asks for what starts no earlier.
#[derive(Default)]
struct ByTime {
    since: i64,
    got: Vec<u64>,
}

impl ByTime {
    fn poll(&mut self, index: &[BundleRow]) {
        let new = index.iter().filter(|bundle| bundle.start.unix() >= self.since);
        self.got.extend(new.map(|bundle| bundle.sequence));
        self.since = index.iter().map(|bundle| bundle.end.unix()).max().unwrap_or(self.since);
    }
}

/// A phone that keeps the last line of the index and takes what stands below it.
#[derive(Default)]
struct ByLine {
    last: Option<(Timestamp, Timestamp)>,
    got: Vec<u64>,
}

impl ByLine {
    fn poll(&mut self, index: &[BundleRow]) {
        let seen = index.iter().position(|bundle| Some((bundle.start, bundle.end)) == self.last);
        let new = &index[seen.map_or(0, |line| line + 1)..];
        self.got.extend(new.iter().map(|bundle| bundle.sequence));
        self.last = index.last().map(|bundle| (bundle.start, bundle.end));
    }
}

pub(crate) async fn bundles_touch_and_every_client_gets_each_once_whatever_the_clock_does(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let (mut by_time, mut by_line) = (ByTime::default(), ByLine::default());
    let mut rng = StdRng::seed_from_u64(20_200_401);
    for number in 0..BUNDLES {
        // The clock steps by up to two hours either way, and sometimes stands still.
        if number % 5 != 0 {
            engine.clock().set_offset(rng.random_range(-7_200..=7_200));
        }
        store.accept_keys(&[key(number, now)], &[gaen()], &provenance(now)).await.expect("accepted");
        assert_eq!(sealed(&*store, &gaen(), &policy()).await, [number + 1]);
        if rng.random_ratio(1, 20) {
            let index = index(&*store).await;
            by_time.poll(&index);
            by_line.poll(&index);
        }
    }
    let index = index(&*store).await;
    by_time.poll(&index);
    by_line.poll(&index);

    let expected: Vec<u64> = (1..=BUNDLES).collect();
    assert_eq!(index.iter().map(|bundle| bundle.sequence).collect::<Vec<_>>(), expected, "no gaps");
    assert!(index.windows(2).all(|pair| pair[0].end == pair[1].start), "bundles touch");
    assert!(index.iter().all(|bundle| bundle.start < bundle.end), "no two share an end");
    assert_eq!(by_time.got, expected, "by time");
    assert_eq!(by_line.got, expected, "by line");
}

async fn index(store: &dyn KeyStore) -> Vec<BundleRow> {
    let number = store.number(&gaen()).await.expect("read");
    store.listing(&gaen(), number).await.expect("listed").bundles
}
