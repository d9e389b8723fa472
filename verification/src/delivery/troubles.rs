//! What went wrong with text messages, gathered for the log.
//!
//! A phone may ask for one itself. A line for each that its provider did not take, or was slow to take, would say to the millisecond when that was. So
//! they are gathered by what went wrong, and said together when a step ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::delivered::Delivery;

/// What went wrong with a text message. No word of it, of its number or of its authority is in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// The provider answered with this status, and that means so much.
    NotTaken(u16, Delivery),
    /// The provider did not answer in time.
    Silence,
    /// The file for messages cannot be written.
    Unwritten,
    /// It was not sent, and stays counted.
    Uncounted,
    /// What became of it could not be stored.
    Unstored,
}

/// How often what went wrong since somebody was told last.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    /// Guards how often each did, and the last error if there was any. There are as many as a provider has statuses.
    noted: Mutex<BTreeMap<Trouble, (u64, String)>>,
}

impl Troubles {
    /// Notes one more; the error is empty where the trouble says it all.
    pub(crate) fn note(&self, trouble: Trouble, error: String) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = noted.entry(trouble).or_default();
        *count += 1;
        *last = error;
    }

    /// Says what there was, and forgets it.
    pub(crate) fn tell(&self) {
        let noted = std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        noted.into_iter().for_each(|(trouble, (count, error))| tell_one(trouble, count, &error));
    }
}

fn tell_one(trouble: Trouble, count: u64, error: &str) {
    match trouble {
        Trouble::NotTaken(status, outcome) => tracing::warn!(
            http.status = status,
            delivery.outcome = outcome.as_str(),
            messages.count = count,
            "the provider did not take text messages"
        ),
        Trouble::Silence => {
            tracing::warn!(messages.count = count, "the provider of text messages did not answer in time");
        }
        Trouble::Unwritten => {
            tracing::error!(messages.count = count, error, "text messages cannot be written to their file");
        }
        Trouble::Uncounted => {
            tracing::warn!(messages.count = count, error, "text messages that were not sent stay counted");
        }
        Trouble::Unstored => tracing::warn!(
            messages.count = count,
            error,
            "what became of text messages could not be stored; the same requests send them again"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_are_gathered_by_what_they_are_and_forgotten_once_they_are_told() {
        let troubles = Troubles::default();
        let count = || troubles.noted.lock().expect("whole").values().map(|(count, _)| *count).collect::<Vec<_>>();
        let busy = Trouble::NotTaken(503, Delivery::Unknown);
        for trouble in [busy, Trouble::Silence, busy, busy, Trouble::NotTaken(400, Delivery::Refused)] {
            troubles.note(trouble, String::new());
        }
        assert_eq!(count(), [1, 3, 1]);
        troubles.tell();
        assert!(count().is_empty());
    }
}
