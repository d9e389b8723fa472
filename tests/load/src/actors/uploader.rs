//! People who were tested: each gets a code and uploads, once.

use std::sync::Arc;
use std::time::Duration;

use client::{ClientError, KeyUpload, ReportUpload, Secret};
use proto::Kind;

use super::desk::Desk;
use super::journey::{Journey, Load, Relays};
use crate::address::Crowd;
use crate::clock::chance;
use crate::drive::{Actor, Ended};
use crate::ledger::{Mark, Parcel};
use crate::person;
use crate::record::Outcome;
use crate::world::{Stuck, World};

/// Before a person asks for another code.
const BEFORE_ANOTHER_CODE: Duration = Duration::from_secs(1);

/// People who upload keys, or those who upload a report.
pub(crate) struct Uploader {
    pub(crate) world: Arc<World>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) kind: Kind,
    /// How many of them call through relays, 0 to 1, and the relays.
    pub(crate) relayed: f64,
    pub(crate) relays: Option<Relays>,
}

impl Actor for Uploader {
    fn operation(&self) -> &'static str {
        match self.kind {
            Kind::Gaen => "upload",
            Kind::Tcn => "report",
        }
    }

    async fn act(&self, turn: u64) -> Ended {
        match self.upload(turn).await {
            Ok(bytes) => (Outcome::Done, bytes),
            Err(Stuck(word)) => (Outcome::Failed(word), 0),
        }
    }
}

impl Uploader {
    async fn upload(&self, turn: u64) -> Result<u64, Stuck> {
        let relays = self.relays.as_ref().filter(|_| self.is_relayed(turn));
        let crowd = if relays.is_some() { Crowd::Relays } else { Crowd::Phones };
        let person = turn * 2 + u64::from(self.kind == Kind::Tcn);
        let journey = Journey::new(&self.world, self.world.calling_as(crowd, person), relays)?;
        let (load, marks) = self.load().map_err(|_| Stuck("not_sent"))?;
        let mut parcel: Option<Parcel<'_>> = None;
        loop {
            let about_to_send = || {
                parcel.get_or_insert_with(|| self.world.ledger.parcel(self.kind, marks.clone()));
            };
            let gone = async { journey.go(&self.desk.code(person).await?, &load, about_to_send).await };
            match gone.await {
                Ok(()) => break,
                // What was refused for good may have been held up for too long by a fault: the person asks for another code, with the same keys.
                Err(_) if self.world.through_faults && self.world.pause(BEFORE_ANOTHER_CODE).await => {}
                Err(stuck) => return Err(stuck),
            }
        }
        parcel.iter_mut().for_each(Parcel::acknowledge);
        Ok(journey.received())
    }

    /// Spread evenly, whatever the share is.
    fn is_relayed(&self, turn: u64) -> bool {
        let before = |turn: u64| (turn as f64 * self.relayed).floor();
        before(turn + 1) > before(turn)
    }

    /// What a person uploads, and what it is recognised by.
    fn load(&self) -> Result<(Load, Vec<Mark>), ClientError> {
        let mut rng = chance();
        let (authority, secret) = (&self.world.target.authority, Secret::draw(&mut rng));
        match self.kind {
            Kind::Gaen => {
                let keys = person::keys(self.world.clock().now(), &mut rng);
                let marks = keys.iter().map(|(key, _)| person::mark_of_key(key)).collect();
                Ok((Load::Keys(KeyUpload::new(authority, &keys, None, secret)?), marks))
            }
            Kind::Tcn => {
                let report = person::report(&mut rng);
                let marks = vec![person::mark_of_report(&report)];
                Ok((Load::Report(ReportUpload::new(authority, &[report], secret)?), marks))
            }
        }
    }
}
