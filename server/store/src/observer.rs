//! Who is told what a database does, for the metrics of a program: how long things take, and nothing of what is in them.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::error::StoreError;

/// Is told what a database does. It is called from whatever thread, often, and must not wait for anything.
pub trait Observer: Send + Sync {
    /// An operation has got a connection.
    fn connected(&self, connected: &Connected);

    /// A transaction is over, with all its repeats.
    fn ended(&self, ended: &Ended);

    /// A read replica was not fit for a read, so that it is left alone for a while and the database itself is read.
    fn replica_refused(&self);
}

/// A connection was found for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected {
    /// How many there may be.
    pub limit: usize,
    /// How many are in use now, this one among them.
    pub in_use: usize,
    /// How many operations wait for one now.
    pub waiting: usize,
    /// How long this one waited.
    pub waited: Duration,
}

/// A transaction is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The name of its statements: `keys::accept`.
    pub name: &'static str,
    /// From the wish to the answer: the wait for a connection and all repeats included.
    pub took: Duration,
    /// Whether nothing of it was done.
    pub failed: bool,
    /// How often it was begun anew, because others were in its way.
    pub retries: u32,
}

/// A database that can be observed.
pub trait Observed {
    /// Tells this observer from now on what the database does. The first one stays.
    fn observe(&self, observer: Arc<dyn Observer>);
}

/// Where the connections of a database find their observer. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<OnceLock<Arc<dyn Observer>>>);

impl Watch {
    pub(crate) fn set(&self, observer: Arc<dyn Observer>) {
        // Who comes later was told that the first one stays.
        let _ = self.0.set(observer);
    }

    pub(crate) fn connected(&self, connected: impl FnOnce() -> Connected) {
        if let Some(observer) = self.0.get() {
            observer.connected(&connected());
        }
    }

    pub(crate) fn ended<T>(&self, name: &'static str, began: Instant, retries: u32, result: &Result<T, StoreError>) {
        if let Some(observer) = self.0.get() {
            observer.ended(&Ended { name, took: began.elapsed(), failed: result.is_err(), retries });
        }
    }

    pub(crate) fn replica_refused(&self) {
        if let Some(observer) = self.0.get() {
            observer.replica_refused();
        }
    }
}
