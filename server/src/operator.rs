//! What operators did, for the audit.

use serde_json::Value;
pub use service::ActReason;
use service::os_user;
use store::{Act, RecordedAct};

use crate::error::ServerError;
use crate::state::State;

/// Writes down what an operator did: the command, to what, what came of it, and why, if it is one that asks for a reason.
///
/// # Errors
/// [`ServerError::Store`] if it could not be written down.
pub async fn record(
    state: &State,
    act: &str,
    subject: &Value,
    outcome: &Value,
    reason: Option<&ActReason>,
) -> Result<(), ServerError> {
    let act = Act {
        at: state.now(),
        act: act.to_owned(),
        subject: subject.to_string(),
        outcome: outcome.to_string(),
        reason: reason.map_or_else(String::new, |reason| reason.as_str().to_owned()),
        os_user: os_user(),
    };
    Ok(state.store().record(&act).await?)
}

/// The last `limit` acts, oldest first.
///
/// # Errors
/// [`ServerError::Store`] if the database fails.
pub async fn acts(state: &State, limit: u32) -> Result<Vec<RecordedAct>, ServerError> {
    Ok(state.store().acts(limit).await?)
}
