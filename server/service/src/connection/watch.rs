//! What a connection is doing: said by the service, looked at by the line.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest};
use tokio::time::Instant;

/// How long a connection may take from its beginning, or from an answer, until the head of a request is there. Silence and drops are the same.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// The longest head that is read, what of the body comes with it included, in bytes. The longest of an app of 2020 is a few hundred.
const HEAD_BYTES: usize = 16_384;
/// How much is read at a time before it is looked at. Many small requests in one go take much more memory than their bytes, so of heads it is little.
const HEAD_STEP: usize = 4_096;
const BODY_STEP: usize = 16_384;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing that we know of: the head of a request is not there, or not all of it.
    Waiting,
    /// A request is there, and its body is read.
    Reading,
    /// A request is there as a whole. What comes after it is left with the system until it is answered.
    Working,
}

/// How much may be read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// So many bytes at most.
    Bytes(usize),
    /// Nothing before what was read has been looked at.
    AfterThis,
    /// Nothing before the request is answered.
    AfterAnswer,
    /// Nothing more ever.
    Over,
}

/// Shared by a line and by the requests that come over it.
pub(crate) struct Watch {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    /// Bytes of this head, and of this step.
    head: Cell<usize>,
    step: Cell<usize>,
    /// Who wants to read once the request is answered.
    reader: RefCell<Option<Waker>>,
}

impl Watch {
    /// Of a new connection.
    pub(super) fn new() -> Self {
        Self {
            phase: Cell::new(Phase::Waiting),
            since: Cell::new(Instant::now()),
            head: Cell::new(0),
            step: Cell::new(0),
            reader: RefCell::new(None),
        }
    }

    /// Lets nothing more be read before the request is answered: its body is there, or nobody wants it.
    pub(crate) fn hush(request: &HttpRequest) {
        if let Some(watch) = request.conn_data::<Rc<Self>>() {
            watch.phase.set(Phase::Working);
        }
    }

    /// When the head must be there; nothing while a request is served, which has times of its own.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.phase.get() == Phase::Waiting).then(|| self.since.get() + HEAD_TIME)
    }

    /// Whether a head should be there and is not: its time is over, and all that came of it was looked at. A machine that stood still has not looked yet.
    pub(super) fn is_overdue(&self) -> bool {
        self.step.get() == 0 && self.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// How much may be read now.
    pub(super) fn room(&self) -> Room {
        let (phase, step) = (self.phase.get(), self.step.get());
        match phase {
            Phase::Working => Room::AfterAnswer,
            Phase::Waiting if step < HEAD_STEP => match HEAD_BYTES.saturating_sub(self.head.get()) {
                0 => Room::Over,
                left => Room::Bytes(left.min(HEAD_STEP - step)),
            },
            Phase::Reading if step < BODY_STEP => Room::Bytes(BODY_STEP - step),
            Phase::Waiting | Phase::Reading => Room::AfterThis,
        }
    }

    /// Counts what was read.
    pub(super) fn count(&self, bytes: usize) {
        self.head.set(self.head.get().saturating_add(bytes));
        self.step.set(self.step.get().saturating_add(bytes));
    }

    /// Begins another step.
    pub(super) fn next_step(&self) {
        self.step.set(0);
    }

    /// Remembers who wants to read.
    pub(super) fn wake_later(&self, waker: &Waker) {
        *self.reader.borrow_mut() = Some(waker.clone());
    }

    fn begin(&self, has_body: bool) {
        self.phase.set(if has_body { Phase::Reading } else { Phase::Working });
    }

    fn end(&self) {
        self.phase.set(Phase::Waiting);
        self.since.set(Instant::now());
        self.head.set(0);
        self.step.set(0);
        if let Some(reader) = self.reader.borrow_mut().take() {
            reader.wake();
        }
    }
}

/// Says to its line when a request begins and when its answer is there. Stands before everything else.
pub(crate) async fn watched(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let watch = request.conn_data::<Rc<Watch>>().cloned();
    if let Some(watch) = &watch {
        watch.begin(has_body(&request));
    }
    let answer = next.call(request).await;
    if let Some(watch) = &watch {
        watch.end();
    }
    answer
}

/// Whether a body follows the head, whatever the method: it is read to its end, and may come later than the head.
fn has_body(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH).map(|length| length.as_bytes());
    headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_in_steps_and_not_for_ever() {
        let watch = Watch::new();
        for _ in 0..4 {
            assert_eq!(watch.room(), Room::Bytes(4_096));
            watch.count(4_000);
            assert_eq!(watch.room(), Room::Bytes(96));
            watch.count(96);
            watch.step.set(HEAD_STEP);
            assert_eq!(watch.room(), Room::AfterThis);
            watch.next_step();
        }
        assert_eq!(watch.room(), Room::Over);
    }

    #[test]
    fn while_a_request_is_worked_on_nothing_is_read_ahead() {
        let watch = Watch::new();
        watch.begin(true);
        assert_eq!((watch.room(), watch.deadline()), (Room::Bytes(BODY_STEP), None));
        watch.count(1_000_000);
        assert_eq!(watch.room(), Room::AfterThis);
        watch.begin(false);
        assert_eq!(watch.room(), Room::AfterAnswer);
        watch.end();
        assert_eq!(watch.room(), Room::Bytes(HEAD_STEP));
        assert!(watch.deadline().is_some());
    }
}
