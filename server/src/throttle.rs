//! What it costs not to be believed.

use proto::Timestamp;
use service::Ticket;

use crate::belief::{self, Believed, Upload};
use crate::problem::Problem;
use crate::state::State;

/// As [`belief::believe`], as long as whoever sent the upload, and all who name its authority, have not failed too often: checking a signature costs us
/// more than it costs a stranger to send one.
///
/// # Errors
/// As [`belief::believe`], and [`Problem::Unheard`] with a time to try again.
pub(crate) async fn believe(
    state: &State,
    ticket: &Ticket,
    upload: &impl Upload,
    now: Timestamp,
) -> Result<Believed, Problem> {
    let trial = ticket.try_belief(&upload.authority_id().to_ascii_lowercase())?;
    let believed = belief::believe(state, upload, now).await;
    match &believed {
        Ok(_) => trial.believed(),
        Err(Problem::NotBelieved(_) | Problem::UnknownAuthority) => trial.disbelieved(),
        // A field that is malformed was refused before anything was spent on it, and a database that fails is nobody's guilt.
        Err(_) => trial.undecided(),
    }
    believed
}
