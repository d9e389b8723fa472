//! What a request that was let in carries with it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use tokio::sync::OwnedSemaphorePermit;

use super::gate::Limits;
use super::ledger::{Charge, Outcome, Visitor};
use crate::unheard::Unheard;

/// Says who sent a request, so that the budgets of what it asks for can be found. Where a service has no limits, it opens every door.
#[derive(Clone, Default)]
pub struct Ticket(Option<Arc<Admitted>>);

struct Admitted {
    limits: Arc<Limits>,
    visitor: Visitor,
    is_chaff: bool,
}

/// A request that is tried for belief. If nobody says how that ended, it counts as a failure of whoever sent it.
#[must_use = "a trial that is not ended counts as a failure"]
pub struct Trial(Option<(Arc<Admitted>, Charge)>);

/// What a request has of the service while it is served: room for its body, and a place among those that are worked on.
pub(crate) struct Held {
    ticket: Ticket,
    kib: u32,
    place: Option<OwnedSemaphorePermit>,
}

impl Ticket {
    pub(super) fn new(limits: Arc<Limits>, visitor: Visitor, is_chaff: bool) -> Self {
        Self(Some(Arc::new(Admitted { limits, visitor, is_chaff })))
    }

    /// Lets what a request brings be tried for belief: to be called once it is parsed and before anything is spent on it. `authority` is whom it names,
    /// case-folded; nobody needs to be known by that name.
    ///
    /// # Errors
    /// [`Unheard::TooMany`].
    pub fn try_belief(&self, authority: &str) -> Result<Trial, Unheard> {
        let Some(admitted) = &self.0 else { return Ok(Trial(None)) };
        let charge = admitted.limits.try_belief(&admitted.visitor, authority)?;
        Ok(Trial(Some((Arc::clone(admitted), charge))))
    }

    /// That of a request; one that opens every door if it has none. What a request says of itself changes nothing: it is for the routes of chaff to do
    /// without.
    pub fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }
}

impl FromRequest for Ticket {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

impl Trial {
    /// It is what the authority vouches for.
    pub fn believed(self) {
        self.settle(Outcome::Believed);
    }

    /// It is not.
    pub fn disbelieved(self) {
        self.settle(Outcome::Disbelieved);
    }

    /// Nobody could tell, for reasons that are ours: it counts as nothing.
    pub fn undecided(self) {
        self.settle(Outcome::Undecided);
    }

    fn settle(self, outcome: Outcome) {
        if let Some((admitted, charge)) = self.0 {
            admitted.limits.settle(&charge, outcome);
        }
    }
}

impl Held {
    /// Nothing yet.
    pub(crate) fn by(request: &HttpRequest) -> Self {
        Self { ticket: Ticket::of(request), kib: 0, place: None }
    }

    /// Takes room for a body that has so many bytes by now.
    ///
    /// # Errors
    /// [`Unheard::TooMany`] if there is none.
    pub(crate) fn make_room(&mut self, bytes: usize) -> Result<(), Unheard> {
        let Some(admitted) = &self.ticket.0 else { return Ok(()) };
        let kib = u32::try_from(bytes.div_ceil(1_024)).unwrap_or(u32::MAX);
        if kib > self.kib {
            admitted.limits.hold(&admitted.visitor, kib - self.kib, admitted.is_chaff)?;
            self.kib = kib;
        }
        Ok(())
    }

    /// Waits for a place among those that are worked on, and keeps everything with the request until it is answered. What was sealed has the place of
    /// its envelope.
    ///
    /// # Errors
    /// [`Unheard::TooMany`] if too many wait already.
    pub(crate) async fn begin(mut self, request: &HttpRequest) -> Result<(), Unheard> {
        if request.extensions().contains::<Self>() {
            return Ok(());
        }
        if let Some(admitted) = &self.ticket.0 {
            self.place = Some(admitted.limits.enter(admitted.is_chaff).await?);
            request.extensions_mut().insert(self);
        }
        Ok(())
    }

    /// Gives everything back once the answer is there, and before it leaves.
    pub(crate) fn end(request: &HttpRequest) {
        drop(request.extensions_mut().remove::<Self>());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(admitted) = self.ticket.0.as_ref().filter(|_| self.kib > 0) {
            admitted.limits.release(&admitted.visitor, self.kib);
        }
    }
}
