//! Checking proofs of work: dear enough to keep off the threads that answer, and to be bounded.

use std::sync::Arc;

use proto::proof_of_work::{Difficulty, Proof};
use proto::tcn::SignedReport;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many proofs are checked at once, each in memory of its own.
const AT_ONCE: usize = 2;
/// How many may be checked or waiting: more are turned away at once, before memory grows.
const AT_MOST: usize = 64;

/// Checks proofs of work on threads made for blocking.
pub(crate) struct Examiner {
    /// A place for each that is checked or waits.
    places: Arc<Semaphore>,
    /// One for each that is checked.
    desks: Arc<Semaphore>,
}

/// So many are waiting already that this one is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Examiner {
    /// An examiner with nothing to do.
    pub(crate) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_MOST)), desks: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Whether a proof holds for a report.
    ///
    /// # Errors
    /// [`TooMany`] if there is no place to wait in.
    pub(crate) async fn accepts(
        &self,
        difficulty: Difficulty,
        proof: &Proof,
        report: &SignedReport,
    ) -> Result<bool, TooMany> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| TooMany)?;
        let desk = self.desks.clone().acquire_owned().await.map_err(|_| TooMany)?;
        let (proof, report) = (proof.clone(), report.clone());
        // A phone that hangs up does not stop the work, so the work keeps both until it is done.
        let work = move |_held: (OwnedSemaphorePermit, OwnedSemaphorePermit)| difficulty.accepts(&proof, &report);
        let finished = tokio::task::spawn_blocking(move || work((place, desk))).await;
        // It cannot panic; were it stopped with the program, nobody would be there to be told.
        Ok(finished.unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use proto::tcn::{Memo, MemoType, ReportAuthorizationKey};

    use super::*;

    #[actix_web::test]
    async fn a_proof_beyond_the_places_is_turned_away_and_the_others_are_checked() {
        let memo = Memo::new(MemoType::CoEpiV1, &[]).expect("short");
        let report = SignedReport::create(&ReportAuthorizationKey::from_seed([1; 32]), &memo, 1, 24).expect("in range");
        let difficulty = Difficulty::new(8, 1, 4).expect("within bounds");
        let (proof, examiner) = (difficulty.prove("x", &report), Examiner::new());
        // Nobody comes to a desk, so everybody who is taken waits.
        let desks = examiner.desks.clone().acquire_many_owned(2).await.expect("free");
        let mut taken: Vec<_> = (0..AT_MOST).map(|_| Box::pin(examiner.accepts(difficulty, &proof, &report))).collect();
        for waiting in &mut taken {
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(waiting.as_mut().poll(&mut nobody).is_pending());
        }
        assert_eq!(examiner.accepts(difficulty, &proof, &report).await, Err(TooMany));
        drop(desks);
        for waiting in taken {
            assert_eq!(waiting.await, Ok(true));
        }
        assert_eq!(examiner.accepts(difficulty, &Proof { challenge: "y".into(), ..proof }, &report).await, Ok(false));
    }
}
