//! Two hundred uploaders, and what they upload.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, ensure};
use proto::bundle::{Entries, GaenEntry};
use proto::gaen::TemporaryExposureKey;
use proto::{Interval, ReportType, Timestamp};
use sha2::{Digest as _, Sha256};
use store::{
    Accepted, AcceptedKey, Clock, KeyStore, OnsetSource, Origin, Provenance, RELEASE_GRAIN, RawKey, RevisedKey,
    RevisionProof, StoreError,
};
use tests::fixtures::ISSUER;
use tests::outside_reader::CheckedFeed;

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
/// Of so many people one is a likely case, which is confirmed as soon as it is uploaded, perhaps while it is being sealed.
const CONFIRMED_LATER: u64 = 10;
/// What everybody says in the end.
const LAST_WORD: ReportType = ReportType::Confirmed;
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
        // The last one, who comes after all others, travels.
        Self { people: keys.div_ceil(KEYS).next_multiple_of(TRAVELS), stalls, next, repeats, servers }
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
        (0..=self.people).filter(move |person| feed < feeds_of(*person)).flat_map(person)
    }

    /// Checks that a feed, by its place among all, has each key once, and that its last word on each is the person's: said at once or in one
    /// revision.
    pub(crate) fn ensure_all_is_said(&self, checked: &CheckedFeed, feed: usize) -> anyhow::Result<u64> {
        checked.ensure_exactly(self.keys_in(feed))?;
        let (mut said, mut revisions) = (HashMap::new(), 0);
        for bundle in &checked.bundles {
            let Entries::Gaen { keys, revised } = &bundle.entries else { anyhow::bail!("keys were uploaded") };
            for entry in revised {
                let before = said.insert(*entry.key.data(), entry.report_type);
                ensure!(before == Some(Some(ReportType::Likely)), "a revision of what was said to be {before:?}");
                revisions += 1;
            }
            said.extend(keys.iter().map(|entry| (*entry.key.data(), entry.report_type)));
        }
        let wrong = said.values().filter(|says| **says != Some(LAST_WORD)).count();
        ensure!(wrong == 0, "{wrong} revisions are lost");
        Ok(revisions)
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
            let repeated = person.is_multiple_of(REPEATED);
            self.repeats.fetch_add(repeated.into(), Ordering::Relaxed);
            self.send(person, first_word(person), repeated).await?;
            if first_word(person) != LAST_WORD {
                self.send(person, LAST_WORD, true).await?;
            }
        }
    }

    /// One more upload of somebody with whom the last revisions can leave: they do so with ordinary keys alone.
    pub(crate) async fn upload_the_last(&self) -> anyhow::Result<()> {
        self.send(self.people, LAST_WORD, false).await
    }

    /// Sends what somebody says, perhaps twice at the same time.
    async fn send(&self, person: u64, says: ReportType, twice: bool) -> anyhow::Result<()> {
        if twice {
            let (first, again) = tokio::join!(self.accept(person, says, 0), self.accept(person, says, 1));
            first.and(again)
        } else {
            self.accept(person, says, 0).await
        }
    }

    /// Has one upload written until it is acknowledged, by one server after the other.
    async fn accept(&self, person: u64, says: ReportType, first: usize) -> anyhow::Result<()> {
        let feeds = &feeds()[..feeds_of(person)];
        let mut said = None;
        for attempt in first..first + ATTEMPTS {
            let (store, clock) = &self.servers[(person as usize + attempt) % self.servers.len()];
            // As if it had come a quarter of an hour ago by this clock, so that it may be released at once by any other.
            let received = clock.now().plus(-2 * RELEASE_GRAIN);
            let keys: Vec<_> = (0..KEYS).map(|day| self.key((person, says), day, received)).collect();
            let from = first_word(person);
            let written = async || -> Result<Accepted, StoreError> {
                if says == from {
                    return store.accept_keys(&keys, feeds, &provenance(received)).await;
                }
                let revised: Vec<_> = keys.iter().map(|key| RevisedKey { key: key.clone(), from }).collect();
                store.revise_keys(&revised, feeds, &provenance(received)).await
            };
            match written().await {
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
    fn key(&self, (person, says): (u64, ReportType), day: u64, received: Timestamp) -> AcceptedKey {
        let today = Interval::containing(received).midnight();
        let start = today.plus(-144 * (day.cast_signed() + 2));
        let bytes = key_of(person, day, self.stalls.hit(person));
        let key = TemporaryExposureKey::new(&bytes, start.number().into(), 144).expect("16 bytes, a day, in range");
        let transmission_risk = u8::try_from(person % 8).expect("below 8");
        let days = i8::try_from(person % 5).expect("below 5") - i8::try_from(day).expect("a fortnight");
        AcceptedKey {
            raw: RawKey {
                transmission_risk,
                report_type: says,
                onset: today,
                onset_source: OnsetSource::Request,
                proof: RevisionProof::default(),
            },
            release_at: store::release_at(key.validity_end(), received),
            published: GaenEntry { key, transmission_risk, report_type: Some(says), days_since_onset: Some(days) },
        }
    }
}

/// What somebody says first.
const fn first_word(person: u64) -> ReportType {
    if person % CONFIRMED_LATER == 3 { ReportType::Likely } else { LAST_WORD }
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
