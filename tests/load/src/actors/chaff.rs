//! Phones of people who have nothing to report, and hide those who do.

use std::sync::Arc;
use std::time::Duration;

use client::{KeyServer, Verification};
use rand::RngExt as _;

use crate::address::Crowd;
use crate::clock::chance;
use crate::drive::{Actor, Ended};
use crate::record::Outcome;
use crate::world::{Stuck, World};

/// Between the first request and the second: as long as somebody takes who goes on. In the field it is longer; here it only must not be nothing.
const PAUSE: std::ops::Range<f64> = 0.2..2.0;

/// Sends three requests that say nothing.
pub(crate) struct Chaff {
    pub(crate) world: Arc<World>,
}

impl Actor for Chaff {
    fn operation(&self) -> &'static str {
        "chaff"
    }

    async fn act(&self, turn: u64) -> Ended {
        match self.send(turn).await {
            Ok(bytes) => (Outcome::Done, bytes),
            Err(Stuck(word)) => (Outcome::Failed(word), 0),
        }
    }
}

impl Chaff {
    async fn send(&self, turn: u64) -> Result<u64, Stuck> {
        let (world, http) = (&self.world, self.world.calling_as(Crowd::Chaff, turn));
        let target = &world.target;
        let verification = Verification::new(http.clone(), target.verification.base(), target.device_key.text());
        let verification = verification.map_err(|_| Stuck("not_sent"))?;
        let server = KeyServer::new(http.clone(), target.server.base());
        let received = || http.traffic().received;
        world.step("chaff_verify", received, || verification.chaff_verify()).await?;
        tokio::time::sleep(Duration::from_secs_f64(chance().random_range(PAUSE))).await;
        world.step("chaff_certificate", received, || verification.chaff_certificate()).await?;
        world.step("chaff_publish", received, || server.chaff()).await?;
        Ok(received())
    }
}
