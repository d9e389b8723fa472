//! Several programs on one database at once.

use std::sync::Arc;

use proto::Timestamp;
use store::{KeyStore, SealOutcome};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::samples::{gaen, identities, keys, opened, policy, provenance, published};

/// How many programs accept keys.
const PROGRAMS: u64 = 4;
/// How many uploads each of them accepts, of how many keys.
const UPLOADS: u64 = 40;
const KEYS: u64 = 14;
/// How many uploads a program accepts for each bundle: both sides go on at once, and neither leaves the other behind.
const PACE: u64 = 5;

pub(crate) async fn keys_that_arrive_while_bundles_are_sealed_are_sealed_exactly_once(engine: &impl Engine) {
    let store = opened(engine).await;
    let (made, seen) = watch::channel(0);
    let mut programs = JoinSet::new();
    for program in 0..PROGRAMS {
        programs.spawn(accept(engine.open().await, seen.clone(), program, engine.clock().now()));
    }
    let mut bundles = 0;
    while !programs.is_empty() {
        bundles += seal_once(&*store).await;
        made.send_replace(bundles);
        while let Some(finished) = programs.try_join_next() {
            finished.expect("accepted all");
        }
    }
    bundles += seal_once(&*store).await;
    assert!(bundles >= ((UPLOADS - 1) / PACE) as usize, "keys did arrive while bundles were sealed");
    assert_eq!(published(&*store, &gaen()).await, identities(0..PROGRAMS * UPLOADS * KEYS));
}

/// Accepts one program's uploads, never more than [`PACE`] for each bundle that was made.
async fn accept(store: Arc<dyn KeyStore>, mut bundles: watch::Receiver<usize>, program: u64, now: Timestamp) {
    for upload in 0..UPLOADS {
        let first = (program * UPLOADS + upload) * KEYS;
        let keys = keys(first..first + KEYS, now);
        store.accept_keys(&keys, &[gaen()], &provenance(now)).await.expect("accepted");
        bundles.wait_for(|made| *made >= (upload / PACE) as usize).await.expect("the other side seals");
    }
}

/// Seals whatever there is; how many bundles that made.
async fn seal_once(store: &dyn KeyStore) -> usize {
    match store.seal(&gaen(), &policy()).await.expect("sealed") {
        SealOutcome::Sealed(sequences) => sequences.len(),
        SealOutcome::Nothing => 0,
        SealOutcome::Held(_) | SealOutcome::NotDue => panic!("held although the minimum is one"),
    }
}

pub(crate) async fn two_programs_that_seal_at_once_seal_each_key_once(engine: &impl Engine) {
    let (one, other) = (opened(engine).await, engine.open().await);
    let now = engine.clock().now();
    for round in 0..20 {
        let new = keys(round * KEYS..(round + 1) * KEYS, now);
        one.accept_keys(&new, &[gaen()], &provenance(now)).await.expect("accepted");
        let policy = policy();
        let gaen = gaen();
        let (first, second) = tokio::join!(one.seal(&gaen, &policy), other.seal(&gaen, &policy));
        let outcomes = [first.expect("sealed"), second.expect("sealed")];
        let made = SealOutcome::Sealed(vec![round + 1]);
        assert!(outcomes.contains(&made) && outcomes.contains(&SealOutcome::Nothing), "{outcomes:?}");
    }
    assert_eq!(published(&*other, &gaen()).await, identities(0..20 * KEYS));
    assert_eq!(one.number(&gaen()).await.expect("read"), 20);
}

pub(crate) async fn programs_that_open_a_new_database_at_once_all_succeed(engine: &impl Engine) {
    let open = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { engine.open().await.ping().await.expect("answers") });
    };
    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(open))));
}
