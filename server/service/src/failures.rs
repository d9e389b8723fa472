//! Failures of requests, gathered for the log.
//!
//! A line for each request that fails would say to the millisecond when somebody's request came, and a database that is down would fill the disk. So
//! they are gathered, and said together when a step ends: how many there were, and what the last one died of.

use std::sync::{Mutex, PoisonError};

/// Why a request failed, for operators: attached to the reply, which does not say it. Nothing of the request stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed(pub String);

/// What failed since somebody was told last.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// Guards how many there were, and the last cause.
    noted: Mutex<(u64, String)>,
}

impl Failures {
    /// Notes one more.
    pub(crate) fn note(&self, failed: &Failed) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.0 += 1;
        noted.1.clone_from(&failed.0);
    }

    /// Says what there was, if anything, and forgets it.
    pub(crate) fn tell(&self) {
        let (count, error) = std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        if count > 0 {
            tracing::error!(
                requests.count = count,
                error,
                "requests could not be served; the last one for this reason"
            );
        }
    }
}
