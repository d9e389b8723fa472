//! The phones of everyone: each polls its feed now and then, and holds nothing but what it has seen last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use reqwest::header::HeaderMap;

use super::shelf::{Asking, Held, Shelf};
use crate::address::{Addresses, Crowd};
use crate::drive::{Actor, Ended};
use crate::record::Recorder;

/// Of so many polls one is the first of a phone that has nothing yet.
const NEW: u64 = 1_000;

/// Phones that share connections, and this machine's memory: eight bytes each.
pub(crate) struct Poller {
    pub(crate) shelves: Arc<[Shelf]>,
    pub(crate) phones: Phones,
    pub(crate) recorder: Recorder,
    pub(crate) addresses: Addresses,
}

/// What each of them holds.
pub(crate) struct Phones(Box<[AtomicU64]>);

impl Phones {
    /// So many phones, each with one of the feeds, all of them as phones are that have polled a moment ago. Nobody asks for anything if there are none.
    pub(crate) async fn that_have_polled(shelves: &[Shelf], phones: u64) -> Self {
        // What is asked for before the run begins stands in no record of it.
        let (mut held, aside) = (Vec::new(), Recorder::new(Instant::now()));
        if phones > 0 {
            for shelf in shelves {
                held.push(shelf.look(Asking { recorder: &aside, headers: &HeaderMap::new() }).await);
            }
        }
        let of_phone = |phone: u64| AtomicU64::new(packed(held[phone as usize % held.len()]));
        Self((0..phones).map(of_phone).collect())
    }
}

impl Actor for Poller {
    fn operation(&self) -> &'static str {
        "poll"
    }

    async fn act(&self, turn: u64) -> Ended {
        let phones = &self.phones.0;
        let phone = (turn % phones.len() as u64) as usize;
        let shelf = &self.shelves[phone % self.shelves.len()];
        let held = match turn % NEW {
            0 => Held::default(),
            _ => unpacked(phones[phone].load(Ordering::Relaxed)),
        };
        let headers = self.addresses.headers(Crowd::Phones, phone as u64);
        let (held, outcome, bytes) = shelf.poll(Asking { recorder: &self.recorder, headers: &headers }, held).await;
        phones[phone].store(packed(held), Ordering::Relaxed);
        (outcome, bytes)
    }
}

fn packed(held: Held) -> u64 {
    u64::from(held.index) << 32 | u64::from(held.manifest)
}

fn unpacked(packed: u64) -> Held {
    Held { index: (packed >> 32) as u32, manifest: packed as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_remembers_what_it_holds() {
        let held = Held { index: u32::MAX, manifest: 7 };
        assert_eq!(unpacked(packed(held)), held);
    }
}
