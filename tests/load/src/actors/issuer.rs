//! Codes that are issued and never claimed: people who do not report.

use std::sync::Arc;

use super::desk::Desk;
use crate::drive::{Actor, Ended};
use crate::record::Outcome;
use crate::world::Stuck;

/// Asks for codes and throws them away.
pub(crate) struct Issuer {
    /// Where they come from. It is nobody else's: what it has to spare is not needed.
    pub(crate) desk: Arc<Desk>,
}

impl Actor for Issuer {
    fn operation(&self) -> &'static str {
        "code"
    }

    async fn act(&self, turn: u64) -> Ended {
        match self.desk.code(turn).await {
            Ok(_) => (Outcome::Done, 0),
            Err(Stuck(word)) => (Outcome::Failed(word), 0),
        }
    }
}
