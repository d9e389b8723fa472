//! Two hundred uploaders, and what they upload.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, ensure};
use proto::bundle::GaenEntry;
use proto::gaen::TemporaryExposureKey;
use proto::{Interval, ReportType, Timestamp};
use sha2::{Digest as _, Sha256};
use store::{AcceptedKey, Clock, KeyStore, OnsetSource, Origin, Provenance, RELEASE_GRAIN, RawKey, RevisionProof};
use tests::fixtures::ISSUER;

use crate::scene::feeds;
use crate::stalls::{MARK, Stalls};

/// How many upload at the same time.
const UPLOADERS: usize = 200;
/// How many keys a person has, one a day.
const KEYS: u64 = 14;
/// Of so many people one uploads twice at the same time, to two servers, as after a reply that was lost.
const REPEATED: u64 = 50;
/// Of so many people one travels: their keys go to both feeds.
const TRAVELS: u64 = 4;
/// How often an upload is tried: a database that is busy says so.
const ATTEMPTS: usize = 20;

/// A server: what it writes to, and its clock.
pub(crate) type Server = (Arc<dyn KeyStore>, Clock);

/// People who still have to upload.
pub(crate) struct Crowd {
    people: u64,
    stalls: Stalls,
    next: AtomicU64,
    repeats: AtomicU64,
    servers: Vec<Server>,
}

impl Crowd {
    /// One with at least so many keys.
    pub(crate) fn new(keys: u64, stalls: Stalls, servers: Vec<Server>) -> Self {
        let [next, repeats] = [AtomicU64::new(0), AtomicU64::new(0)];
        Self { people: keys.div_ceil(KEYS), stalls, next, repeats, servers }
    }

    pub(crate) const fn people(&self) -> u64 {
        self.people
    }

    /// How many of them stall.
    pub(crate) fn stalled(&self) -> u64 {
        (0..self.people).filter(|person| self.stalls.hit(*person)).count() as u64
    }

    /// All keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Vec<u8>> {
        self.keys_in(0)
    }

    /// The keys that go to a feed, by its place among all.
    pub(crate) fn keys_in(&self, feed: usize) -> impl Iterator<Item = Vec<u8>> {
        let person = move |person| (0..KEYS).map(move |day| key_of(person, day, self.stalls.hit(person)).to_vec());
        (0..self.people).filter(move |person| feed < feeds_of(*person)).flat_map(person)
    }

    /// Uploads for everybody; how many uploads were sent twice.
    pub(crate) async fn upload(self: Arc<Self>) -> anyhow::Result<u64> {
        let uploader = || tokio::spawn(Arc::clone(&self).upload_one_after_the_other());
        let uploaders: Vec<_> = (0..UPLOADERS).map(|_| uploader()).collect();
        for uploader in uploaders {
            uploader.await??;
        }
        Ok(self.repeats.load(Ordering::Relaxed))
    }

    async fn upload_one_after_the_other(self: Arc<Self>) -> anyhow::Result<()> {
        loop {
            let person = self.next.fetch_add(1, Ordering::Relaxed);
            if person >= self.people {
                return Ok(());
            }
            if person.is_multiple_of(REPEATED) {
                self.repeats.fetch_add(1, Ordering::Relaxed);
                let (first, again) = tokio::join!(self.accept(person, 0), self.accept(person, 1));
                first.and(again)?;
            } else {
                self.accept(person, 0).await?;
            }
        }
    }

    /// Has one upload written until it is acknowledged, by one server after the other.
    async fn accept(&self, person: u64, first: usize) -> anyhow::Result<()> {
        let feeds = &feeds()[..feeds_of(person)];
        let mut said = None;
        for attempt in first..first + ATTEMPTS {
            let (store, clock) = &self.servers[(person as usize + attempt) % self.servers.len()];
            // As if it had come a quarter of an hour ago by this clock, so that it may be released at once by any other.
            let received = clock.now().plus(-2 * RELEASE_GRAIN);
            let keys: Vec<_> = (0..KEYS).map(|day| self.key(person, day, received)).collect();
            match store.accept_keys(&keys, feeds, &provenance(received)).await {
                Ok(accepted) => {
                    ensure!(accepted.conflicts == 0, "person {person} uploads the same as ever");
                    return Ok(());
                }
                Err(why) => said = Some(why),
            }
        }
        Err(said.context("it was tried")?).with_context(|| format!("person {person} is never answered"))
    }

    /// What the rules of publication make of a key. Everybody has a risk and an onset of their own, so there are many classes.
    fn key(&self, person: u64, day: u64, received: Timestamp) -> AcceptedKey {
        let today = Interval::containing(received).midnight();
        let start = today.plus(-144 * (day.cast_signed() + 2));
        let bytes = key_of(person, day, self.stalls.hit(person));
        let key = TemporaryExposureKey::new(&bytes, start.number().into(), 144).expect("16 bytes, a day, in range");
        let transmission_risk = u8::try_from(person % 8).expect("below 8");
        let days = i8::try_from(person % 5).expect("below 5") - i8::try_from(day).expect("a fortnight");
        AcceptedKey {
            raw: RawKey {
                transmission_risk,
                report_type: ReportType::Confirmed,
                onset: today,
                onset_source: OnsetSource::Request,
                proof: RevisionProof::default(),
            },
            release_at: store::release_at(key.validity_end(), received),
            published: GaenEntry {
                key,
                transmission_risk,
                report_type: Some(ReportType::Confirmed),
                days_since_onset: Some(days),
            },
        }
    }
}

/// How many feeds a person's keys go to.
const fn feeds_of(person: u64) -> usize {
    if person.is_multiple_of(TRAVELS) { 2 } else { 1 }
}

/// The bytes of a key, always the same. One of a person who stalls is marked.
fn key_of(person: u64, day: u64, stalls: bool) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest([person.to_be_bytes(), day.to_be_bytes()].concat()).into();
    let mut key: [u8; 16] = digest.first_chunk().copied().expect("32 bytes are at least 16");
    if stalls && day == 0 {
        key[..MARK.len()].copy_from_slice(&MARK);
    }
    key
}

fn provenance(received: Timestamp) -> Provenance {
    let (authority, kid) = (ISSUER.to_owned(), "kid".to_owned());
    Provenance { authority, kid, origin: Origin::Ours, received, policy_version: 1 }
}
