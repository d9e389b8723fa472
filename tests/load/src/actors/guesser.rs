//! Who tries codes, from many networks. Each must be refused.

use std::sync::Arc;

use client::{ClientError, Secret, Verification};
use rand::RngExt as _;

use crate::address::Crowd;
use crate::clock::chance;
use crate::drive::{Actor, Ended};
use crate::reason;
use crate::record::Outcome;
use crate::world::World;

/// Tries one code a turn.
pub(crate) struct Guesser {
    pub(crate) world: Arc<World>,
}

impl Actor for Guesser {
    fn operation(&self) -> &'static str {
        "guess"
    }

    async fn act(&self, turn: u64) -> Ended {
        let target = &self.world.target;
        let http = self.world.calling_as(Crowd::Guessers, turn);
        let Ok(verification) = Verification::new(http.clone(), target.verification.base(), target.device_key.text())
        else {
            return (Outcome::Failed("not_sent"), 0);
        };
        let mut rng = chance();
        let code = format!("{:08}", rng.random_range(0..100_000_000));
        let answer = verification.verify(&code, &[], &Secret::draw(&mut rng)).await;
        let outcome = match &answer {
            // It would be somebody's. Of a hundred million codes a few hundred are alive, so this is a defect or a very rare day.
            Ok(_) => Outcome::Failed("guessed_a_code"),
            Err(error) if is_what_guessers_get(error) => Outcome::Refused(reason::of_client(error)),
            // Whoever is told that there is no such route, or that the app's key is wrong, has tried no code at all.
            Err(error) => Outcome::Failed(reason::of_client(error)),
        };
        (outcome, http.traffic().received)
    }
}

/// Whether it is what a wrong code must be answered with: that it is wrong, or that there were too many.
fn is_what_guessers_get(error: &ClientError) -> bool {
    match error {
        ClientError::Busy { status: 429, .. } => true,
        ClientError::Refused { code, .. } => code.starts_with("code_") || code.starts_with("too_many_"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_was_tried_if_the_answer_is_about_codes() {
        let refused =
            |status, code: &str| ClientError::Refused { status, code: code.to_owned(), message: String::new() };
        assert!(is_what_guessers_get(&refused(400, "code_invalid")));
        assert!(is_what_guessers_get(&ClientError::Busy { status: 429, code: String::new(), retry_after: None }));
        for (status, code) in [(401, "unauthorized"), (404, "not_found"), (404, ""), (400, "unparsable_request")] {
            assert!(!is_what_guessers_get(&refused(status, code)), "{status} {code}");
        }
        assert!(!is_what_guessers_get(&ClientError::Busy { status: 503, code: String::new(), retry_after: None }));
    }
}
