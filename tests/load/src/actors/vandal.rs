//! Who sends bodies that are none. Each must be refused, and none may take anything down.

use std::sync::Arc;

use proto::api::verification::API_KEY_HEADER;
use rand::{Rng as _, RngExt as _};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{StatusCode, Url};

use crate::address::Crowd;
use crate::clock::chance;
use crate::drive::{Actor, Ended};
use crate::reason;
use crate::record::Outcome;
use crate::web;
use crate::world::World;

/// More than any route reads.
const TOO_LONG: usize = 70_000;
/// A whole upload, whose certificate nobody signed.
const UNSIGNED: &str = r#"{"healthAuthorityID":"AUTHORITY","verificationPayload":"eyJhbGciOiJub25lIn0.e30.","hmacKey":"AAAAAAAAAAAAAAAAAAAAAA==","temporaryExposureKeys":[{"key":"AAAAAAAAAAAAAAAAAAAAAA==","rollingStartNumber":1,"rollingPeriod":144}]}"#;

/// How many kinds of them there are.
const KINDS: u64 = 6;
/// Which of them is the whole upload.
const UNCERTIFIED: u64 = 2;

/// Sends one of them a turn.
pub(crate) struct Vandal {
    pub(crate) world: Arc<World>,
}

impl Actor for Vandal {
    fn operation(&self) -> &'static str {
        "malformed"
    }

    async fn act(&self, turn: u64) -> Ended {
        let (url, headers, body) = self.request(turn);
        let is_long = body.len() == TOO_LONG;
        match web::post(&self.world.http, url, headers, body).await {
            // A route that is not there, or a key that nobody knows, would keep nonsense from whoever must refuse it.
            Ok(page) if page.status.is_client_error() && !misses(turn, page.status) => {
                (Outcome::Refused(reason::of_status(page.status)), page.body.len() as u64)
            }
            Ok(page) if page.status.is_success() => (Outcome::Failed("took_nonsense"), page.body.len() as u64),
            Ok(page) => (Outcome::Failed(reason::of_status(page.status)), page.body.len() as u64),
            // Nobody has to read a body to its end that is too long.
            Err("broken_off") if is_long => (Outcome::Refused("broken_off"), 0),
            Err(word) => (Outcome::Failed(word), 0),
        }
    }
}

/// Whether an answer says that the body reached nobody who reads bodies. An upload that nobody certified is unauthorised, and no other body.
fn misses(turn: u64, status: StatusCode) -> bool {
    status == StatusCode::NOT_FOUND || status == StatusCode::UNAUTHORIZED && turn % KINDS != UNCERTIFIED
}

impl Vandal {
    fn request(&self, turn: u64) -> (Url, HeaderMap, Vec<u8>) {
        let (target, mut rng) = (&self.world.target, chance());
        let mut headers = self.world.headers_of(Crowd::Vandals, turn);
        headers.extend([web::JSON]);
        let mut noise = vec![0; rng.random_range(1..4_096)];
        rng.fill_bytes(&mut noise);
        let (server, verification) = (&target.server, &target.verification);
        match turn % KINDS {
            0 => (server.at("v1/publish"), headers, noise),
            1 => (server.at("v1/publish"), headers, vec![b' '; TOO_LONG]),
            UNCERTIFIED => {
                (server.at("v1/publish"), headers, UNSIGNED.replace("AUTHORITY", &target.authority).into_bytes())
            }
            3 => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
                (server.at("v1/reports"), headers, b"{}".to_vec())
            }
            4 => {
                headers.insert(API_KEY_HEADER, target.device_key.header().clone());
                (verification.at("api/verify"), headers, br#"{"code":"#.to_vec())
            }
            _ => {
                headers.insert(API_KEY_HEADER, target.device_key.header().clone());
                (verification.at("api/certificate"), headers, noise)
            }
        }
    }
}
