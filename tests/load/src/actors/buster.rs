//! Who asks the CDN for what it has under names that it does not know, so that it asks its origin each time.

use std::sync::Arc;

use client::Http;
use rand::RngExt as _;
use reqwest::StatusCode;

use super::shelf::Shelf;
use crate::address::{Addresses, Crowd};
use crate::clock::chance;
use crate::drive::{Actor, Ended};
use crate::reason;
use crate::record::Outcome;
use crate::settings::Place;
use crate::web;

/// The longest object that is read: a bundle of 16 MB.
const MOST: usize = 16 << 20;

/// Puts a query string of its own behind each path.
pub(crate) struct Buster {
    pub(crate) cdn: Place,
    pub(crate) http: Http,
    pub(crate) shelves: Arc<[Shelf]>,
    pub(crate) addresses: Addresses,
}

impl Actor for Buster {
    fn operation(&self) -> &'static str {
        "bust"
    }

    async fn act(&self, turn: u64) -> Ended {
        let shelf = &self.shelves[(turn % self.shelves.len() as u64) as usize];
        let (paths, mut rng) = (shelf.paths(), chance());
        let mut url = self.cdn.at(&paths[rng.random_range(0..paths.len())]);
        url.set_query(Some(&format!("v={:016x}", rng.random::<u64>())));
        let headers = self.addresses.headers(Crowd::Busters, turn);
        match web::get(&self.http, url, headers, MOST).await {
            // A CDN may answer as if nothing had been asked for, or turn such requests away. It must not break, nor lose what it has.
            Ok(page) if page.status.is_success() => (Outcome::Done, page.body.len() as u64),
            Ok(page) if page.status.is_client_error() && page.status != StatusCode::NOT_FOUND => {
                (Outcome::Refused(reason::of_status(page.status)), 0)
            }
            Ok(page) => (Outcome::Failed(reason::of_status(page.status)), 0),
            Err(word) => (Outcome::Failed(word), 0),
        }
    }
}
