//! How a request ended, and the moments that it is measured by.

use std::time::{Duration, Instant};

/// How a request ended. The words are short, fixed and without anything private: they become labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered as asked.
    Done,
    /// Answered 304: the phone has it already.
    NotModified,
    /// Refused with this code, as this actor must expect: a guesser's wrong code, for example. No error.
    Refused(&'static str),
    /// Failed for this reason: an error that counts. Its time stands in no latency, because a refused connection is quick.
    Failed(&'static str),
}

/// The moments of one request.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the schedule wanted it to begin. Latency counts from here, so that a slow service cannot slow down those who measure it.
    pub intended: Instant,
    /// When it really began.
    pub began: Instant,
    /// For how long of the time between there was no room for it: so many were under way already. The rest of it is the load machine's own delay.
    pub no_room: Duration,
    /// When the last byte of the answer was there.
    pub ended: Instant,
}

impl Times {
    /// Of something that found room at once.
    pub const fn at_once(intended: Instant, began: Instant, ended: Instant) -> Self {
        Self { intended, began, no_room: Duration::ZERO, ended }
    }
}

/// The same, counted from the start of the run.
#[derive(Clone, Copy)]
pub(super) struct Moments {
    pub(super) intended: Duration,
    /// None if nobody told.
    pub(super) began: Option<Duration>,
    pub(super) no_room: Duration,
    pub(super) ended: Duration,
}

impl Moments {
    /// What somebody who came at the intended time had to wait.
    pub(super) fn latency(self) -> Duration {
        self.ended.saturating_sub(self.intended)
    }

    /// What the deployment took, once it was asked.
    pub(super) fn service(self) -> Option<Duration> {
        self.began.map(|began| self.ended.saturating_sub(began))
    }

    /// What was spent waiting for the load machine itself before anything was sent.
    pub(super) fn waited(self) -> Option<Duration> {
        self.began.map(|began| began.saturating_sub(self.intended).saturating_sub(self.no_room))
    }

    /// What was spent waiting until fewer were under way.
    pub(super) fn no_room(self) -> Option<Duration> {
        self.began.map(|_| self.no_room)
    }
}
