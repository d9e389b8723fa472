//! Reporting numbers without a certificate, where an authority lets people: openly, or after some work.
//!
//! [`KeyServer::report_uncertified`] first sends the report as it is. Refused with the code `proof_of_work_required`, the phone asks for a
//! [`Challenge`], solves it, stores the proof, and sends it beside the report. The same report with the same proof may be repeated.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proto::api::padding::Padded;
use proto::api::self_reports::{ChallengeReply, ChallengeRequest, SubmitReportRequest};
use proto::proof_of_work::{Difficulty, Proof};
use proto::tcn::SignedReport;
use proto::{Malformed, Timestamp};
use reqwest::header::HeaderValue;
use serde::Serialize;

use crate::error::ClientError;
use crate::upload::{KeyServer, Receipt};

/// The header of a proof, as Binary HTTP spells it.
const PROOF_HEADER: &str = "x-proof-of-work";
/// The most memory that is filled for a proof on average, in KiB, every pass and every try counted: 16 GiB, sixteen times what a server asks for
/// unless it is told otherwise. Whoever asks for more wastes a battery.
const MOST_WORK_KIB: u64 = 16 * 1_024 * 1_024;
/// After so many times the expected tries the search is given up: that happens once in nine million searches.
const PATIENCE: u64 = 16;

/// What is to be worked on, for one report. Good until it expires.
#[derive(Clone)]
pub struct Challenge {
    challenge: String,
    difficulty: Difficulty,
    /// Until when the server takes it.
    pub expires_at: Timestamp,
}

/// How far a search has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Tries that were made.
    pub tries: u64,
    /// Tries that it takes on average; it may take several times as many.
    pub expected: u64,
}

impl KeyServer {
    /// `POST /v1/challenge`.
    ///
    /// # Errors
    /// As [`ClientError`] says; [`Unsolved`](ClientError::Unsolved) if the challenge asks for more than a phone should do.
    pub async fn challenge(&self) -> Result<Challenge, ClientError> {
        let reply = self.way.post("v1/challenge", None, ChallengeRequest::default()).await?;
        let reply: ChallengeReply =
            serde_json::from_slice(&reply).map_err(|_| Malformed::new("reply", "is not the documented JSON"))?;
        let difficulty = Difficulty::new(reply.memory_kib, reply.passes, reply.bits)?;
        let work = u64::from(reply.memory_kib) * u64::from(reply.passes) * difficulty.expected_tries();
        if work > MOST_WORK_KIB {
            return Err(ClientError::Unsolved("the challenge asks for too much"));
        }
        Ok(Challenge { challenge: reply.challenge, difficulty, expires_at: Timestamp::from_unix(reply.expires_at) })
    }

    /// `POST /self/{authority}/submitReport`: a report for which nobody vouches, with a proof of work where the authority asks for one. May be
    /// repeated; it appears among what people report themselves, never beside what is certified.
    ///
    /// # Errors
    /// As [`ClientError`] says; [`Refused`](ClientError::Refused) with `self_reports_off`, `proof_of_work_required`, `proof_of_work_invalid`,
    /// `challenge_expired`, `challenge_spent`; [`Busy`](ClientError::Busy) once the authority has had its reports of this hour.
    pub async fn report_uncertified(
        &self,
        authority: &str,
        report: &SignedReport,
        proof: Option<&Proof>,
    ) -> Result<Receipt, ClientError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(is_plain) {
            return Err(ClientError::Setting(Malformed::new(
                "authority",
                "must be an id: letters, digits, '-', '.', '_'",
            )));
        }
        let proof = proof.map(|proof| HeaderValue::from_str(&proof.to_string())).transpose();
        let proof = proof.map_err(|_| Malformed::new("challenge", "cannot stand in a header"))?;
        let message = PaddedReport { parts: report.into(), padding: String::new() };
        let credential = proof.as_ref().map(|proof| (PROOF_HEADER, proof));
        Receipt::read(&self.way.post(&format!("self/{authority}/submitReport"), credential, message).await?)
    }
}

impl Challenge {
    /// Looks for a proof that `report` was worked for, on a thread of its own. `watch` hears of every try; it ends the search with
    /// [`ControlFlow::Break`], and so does dropping the call. To be called inside a Tokio runtime.
    ///
    /// # Errors
    /// [`ClientError::Unsolved`] if it was called off, or nothing was found for very long: ask for another challenge.
    pub async fn solve(
        &self,
        report: &SignedReport,
        mut watch: impl FnMut(Progress) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Proof, ClientError> {
        let (mut search, expected) =
            (self.difficulty.search(&self.challenge, report), self.difficulty.expected_tries());
        let called_off = Arc::new(AtomicBool::new(false));
        let _dropped = CallOff(Arc::clone(&called_off));
        let search = tokio::task::spawn_blocking(move || {
            for tries in 1..=expected.saturating_mul(PATIENCE) {
                if let Some(proof) = search.try_next() {
                    return Ok(proof);
                }
                if called_off.load(Ordering::Relaxed) || watch(Progress { tries, expected }).is_break() {
                    return Err(ClientError::Unsolved("it was called off"));
                }
            }
            Err(ClientError::Unsolved("nothing was found"))
        });
        search.await.unwrap_or(Err(ClientError::Unsolved("it was called off")))
    }
}

/// A challenge is one phone's alone.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Challenge({:?})", self.difficulty)
    }
}

/// Ends a search that nobody waits for any more.
struct CallOff(Arc<AtomicBool>);

impl Drop for CallOff {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Covid Watch's body with a field to fill up, which the server passes over.
#[derive(Clone, Serialize)]
struct PaddedReport {
    #[serde(flatten)]
    parts: SubmitReportRequest,
    padding: String,
}

impl Padded for PaddedReport {
    fn padding_mut(&mut self) -> &mut String {
        &mut self.padding
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use proto::tcn::{Memo, MemoType, ReportAuthorizationKey};

    use super::*;

    fn report() -> SignedReport {
        let memo = Memo::new(MemoType::CoEpiV1, &[]).expect("short");
        SignedReport::create(&ReportAuthorizationKey::from_seed([1; 32]), &memo, 1, 24).expect("in range")
    }

    fn challenge(bits: u32) -> Challenge {
        let difficulty = Difficulty::new(8, 1, bits).expect("within bounds");
        Challenge { challenge: "challenge".to_owned(), difficulty, expires_at: Timestamp::from_unix(0) }
    }

    #[tokio::test]
    async fn a_search_says_how_far_it_is_and_finds_what_the_server_takes() {
        let (said, heard) = mpsc::channel();
        let watch = move |progress| {
            if said.send(progress).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let proof = challenge(5).solve(&report(), watch).await.expect("found");
        assert!(challenge(5).difficulty.accepts(&proof, &report()));
        let heard: Vec<Progress> = heard.try_iter().collect();
        let expected: Vec<Progress> = (1..=proof.number).map(|tries| Progress { tries, expected: 32 }).collect();
        assert_eq!(heard, expected);
    }

    #[tokio::test]
    async fn a_search_ends_when_it_is_called_off() {
        let (hard, report_of_one) = (challenge(20), report());
        let refused = hard.solve(&report_of_one, |progress| {
            if progress.tries < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert!(matches!(refused.await, Err(ClientError::Unsolved(_))));
        // Dropped, it ends too: the thread lets go of what it was watched with.
        let (said, heard) = mpsc::channel();
        let search = tokio::spawn(async move {
            let watch = move |progress: Progress| {
                let _ = said.send(progress.tries);
                ControlFlow::Continue(())
            };
            challenge(20).solve(&report(), watch).await
        });
        let heard = tokio::task::spawn_blocking(move || {
            heard.recv().expect("it has begun");
            search.abort();
            heard.iter().count()
        });
        assert!(heard.await.expect("it has ended") < 1 << 20);
    }
}
