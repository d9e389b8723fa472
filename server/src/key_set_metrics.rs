//! What operators see of the keys that authorities publish.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use proto::Timestamp;
use service::{GaugeFamily, Metrics, rounded_up};
use store::RegisteredAuthority;

/// The label of both.
const OF_AUTHORITY: &[&str] = &["authority"];
/// Ages are told in whole multiples of this, in seconds, as often as they are told: to the second they would say when somebody's upload named a key that
/// nobody knew, since that has the keys fetched at once.
const GRAIN: i64 = 300;

/// How old the keys of each authority are, and whether they can be fetched.
pub(crate) struct KeySetMetrics {
    age: GaugeFamily,
    failed: GaugeFamily,
    /// Guards the authorities that were shown, so that one that publishes nothing any more is not shown for ever as it last was.
    shown: Mutex<BTreeSet<String>>,
}

impl KeySetMetrics {
    /// Adds them to `metrics`.
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let age = metrics.stepped_gauges(
            "pratique_server_jwks_age_seconds",
            "How long ago the keys that an authority publishes were fetched, rounded up to 300; after 604800 they are believed no more",
            OF_AUTHORITY,
        );
        let failed = metrics.stepped_gauges(
            "pratique_server_jwks_refresh_failed",
            "1 while the keys that an authority publishes cannot be fetched",
            OF_AUTHORITY,
        );
        Self { age, failed, shown: Mutex::default() }
    }

    /// Shows how it stands. Keys that were never fetched are as old as the first attempt.
    pub(crate) fn show(&self, authorities: &[RegisteredAuthority], now: Timestamp) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = std::mem::take(&mut *shown);
        for known in authorities.iter().filter(|known| known.disabled_at.is_none()) {
            let Some(set) = &known.key_set else { continue };
            let id = &known.authority.id;
            let since = set.fetched_at.or(set.failing_since).unwrap_or(now);
            self.age.set(&[id], rounded_up((now.unix() - since.unix()).max(0), GRAIN));
            self.failed.set(&[id], i64::from(set.failing_since.is_some()));
            gone.remove(id);
            shown.insert(id.clone());
        }
        for id in gone {
            self.age.set(&[&id], 0);
            self.failed.set(&[&id], 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_does_not_say_when_keys_were_fetched() {
        assert_eq!([0, 1, 137, 300, 301, 604_799].map(|age| rounded_up(age, GRAIN)), [0, 300, 300, 300, 600, 604_800]);
    }
}
