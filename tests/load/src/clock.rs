//! The one place that reads the time of day and draws chance.

use std::time::{SystemTime, UNIX_EPOCH};

use proto::Timestamp;
use rand::rngs::StdRng;
use rand::{CryptoRng, SeedableRng as _};

/// The time of day at the deployment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    offset: i64,
}

impl Clock {
    /// The clock of a deployment that is so many seconds ahead of this machine.
    pub(crate) const fn ahead(offset: i64) -> Self {
        Self { offset }
    }

    /// The time now, in UTC seconds.
    pub(crate) fn now(self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_unix(seconds.saturating_add(self.offset))
    }
}

/// A source of randomness that nobody can foresee, for keys and secrets: two runs with one seed must not upload the same keys.
pub(crate) fn chance() -> StdRng {
    #[expect(clippy::disallowed_methods, reason = "the one source of randomness")]
    StdRng::from_rng(&mut rand::rng())
}

/// The same, as sealing to a gateway wants it.
pub(crate) fn boxed_chance() -> Box<dyn CryptoRng> {
    Box::new(chance())
}
