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
            Err(ClientError::Refused { .. } | ClientError::Busy { status: 429, .. }) => {
                answer.as_ref().err().map_or(Outcome::Done, |error| Outcome::Refused(reason::of_client(error)))
            }
            Err(error) => Outcome::Failed(reason::of_client(error)),
        };
        (outcome, http.traffic().received)
    }
}
