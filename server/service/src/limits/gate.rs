//! Where the budgets are kept, and what time it is there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::Method;
use proto::api::CHAFF_HEADER;

use super::ledger::{Charge, Ledger, Limit, Outcome, Spent, Visitor};
use super::queue::Queue;
use super::settings::LimitSettings;
use super::ticket::Ticket;
use crate::caller::Edge;
use crate::health::HEALTH_PATHS;
use crate::metrics::{Metrics, SteppedFamily};
use crate::unheard::Unheard;

/// Where relays send what is sealed. Whether that is chaff shows only inside, so all of it counts as requests of the relay.
const SEALED: &str = "/ohttp";
/// When a full queue may be asked again.
const QUEUE_RETRY: Duration = Duration::from_secs(5);

/// The limits of one process.
pub struct Limits {
    /// Guards every budget, so that a request draws on all of its budgets or on none.
    ledger: Mutex<Ledger>,
    queue: Queue,
    connections: u32,
    /// All times are counted from here: no clock that anybody can set is involved.
    started: Instant,
    refused: SteppedFamily,
}

/// The state of a service that may have limits.
pub trait HasLimits: 'static {
    /// The limits; none if everybody may ask for everything.
    fn limits(&self) -> Option<&Arc<Limits>>;
    /// What stands between the network and the service.
    fn edge(&self) -> &Edge;
}

impl Limits {
    /// Limits whose budgets are full. The key is 16 random bytes; the metric is `{program}_limited`.
    pub fn new(settings: &LimitSettings, key: [u8; 16], metrics: &Metrics, program: &str) -> Self {
        let help = "Requests that were refused with 429, by the limit that was reached";
        let refused = metrics.stepped_family(&format!("{program}_limited"), help, &["limit", "traffic"]);
        Self {
            ledger: Mutex::new(Ledger::new(settings, key)),
            queue: Queue::new(settings),
            connections: settings.connections,
            started: Instant::now(),
            refused,
        }
    }

    /// Has what is left of the failures that many share shown from now on, as `{program}_failures_left`. For a service whose uploads are tried for belief.
    pub fn show_failures(self: &Arc<Self>, metrics: &Metrics, program: &str) {
        let help = "The least that was left in a step of the uploads a minute that may fail for an authority, or for all together and those that \
                    nobody knows (empty), until networks that failed before are refused";
        let left = metrics.stepped_gauges(&format!("{program}_failures_left"), help, &["authority"]);
        let limits = Arc::clone(self);
        metrics.before_steps(move || {
            let told = limits.ledger().failures_left(limits.now());
            told.iter().for_each(|(authority, least)| left.set(&[authority], i64::from(*least)));
        });
    }

    /// How many connections may be held at once.
    pub fn connections(&self) -> u32 {
        self.connections
    }

    /// Lets a request in, before any of its body is read.
    pub(super) fn admit(self: &Arc<Self>, edge: &Edge, request: &HttpRequest) -> Result<Ticket, Unheard> {
        let (now, is_chaff) = (self.now(), is_chaff(request));
        if self.queue.is_full() && !is_health(request) {
            return Err(self.refuse(Spent { limit: Limit::Queue, wait: QUEUE_RETRY }, is_chaff));
        }
        let (caller, is_local) = (edge.caller(request), edge.is_local(request));
        let mut ledger = self.ledger();
        let visitor = ledger.visitor(&caller, is_local);
        let admitted = if is_chaff { ledger.admit_chaff(&visitor, now) } else { ledger.admit(&visitor, now) };
        drop(ledger);
        admitted.map_err(|spent| self.refuse(spent, is_chaff))?;
        Ok(Ticket::new(Arc::clone(self), visitor, is_chaff))
    }

    /// See [`Ledger::try_belief`].
    pub(super) fn try_belief(&self, visitor: &Visitor, authority: &str) -> Result<Charge, Unheard> {
        let tried = self.ledger().try_belief(visitor, authority, self.now());
        tried.map_err(|spent| self.refuse(spent, false))
    }

    /// See [`Ledger::settle`].
    pub(super) fn settle(&self, charge: &Charge, outcome: Outcome) {
        self.ledger().settle(charge, outcome, self.now());
    }

    /// See [`Ledger::hold`].
    pub(super) fn hold(&self, visitor: &Visitor, more: u32, is_chaff: bool) -> Result<(), Unheard> {
        let held = self.ledger().hold(visitor, more, self.now());
        held.map_err(|spent| self.refuse(spent, is_chaff))
    }

    /// See [`Ledger::release`].
    pub(super) fn release(&self, visitor: &Visitor, less: u32) {
        self.ledger().release(visitor, less, self.now());
    }

    /// Waits for a place among those that are worked on.
    pub(super) async fn enter(&self, is_chaff: bool) -> Result<tokio::sync::OwnedSemaphorePermit, Unheard> {
        let full = |_| self.refuse(Spent { limit: Limit::Queue, wait: QUEUE_RETRY }, is_chaff);
        self.queue.enter().await.map_err(full)
    }

    /// Counts a refusal and says what the sender hears: when to come again, and not which limit it was.
    fn refuse(&self, spent: Spent, is_chaff: bool) -> Unheard {
        self.refused.count(&[spent.limit.name(), if is_chaff { "chaff" } else { "real" }]);
        let seconds = spent.wait.as_secs() + u64::from(spent.wait.subsec_nanos() > 0);
        Unheard::TooMany { retry_after: u32::try_from(seconds.max(1)).unwrap_or(u32::MAX) }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limit {
    const fn name(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Relay => "relay",
            Self::Authority => "authority",
            Self::All => "all",
            Self::Failures => "failures",
            Self::SharedFailures => "shared_failures",
            Self::Memory => "memory",
            Self::Queue => "queue",
        }
    }
}

/// Whether a request is one that operators' tools send to see whether the service lives. It must be answered when nothing else is, or a full queue would
/// look like a broken service.
pub(super) fn is_health(request: &HttpRequest) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD) && HEALTH_PATHS.contains(&request.path())
}

fn is_chaff(request: &HttpRequest) -> bool {
    request.headers().contains_key(CHAFF_HEADER) && request.path() != SEALED
}
