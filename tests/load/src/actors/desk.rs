//! The authority: issues a code for each person who was tested, one at a time or several.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use client::ClientError;
use proto::Malformed;
use proto::api::codes::{BatchIssueItem, BatchIssueReply, BatchIssueRequest};
use proto::api::verification::{API_KEY_HEADER, IssueReply, IssueRequest};
use rand::RngExt as _;
use reqwest::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::address::Crowd;
use crate::clock::chance;
use crate::web;
use crate::world::{Stuck, World};

/// How old a code of a batch may be when somebody gets it. Short codes live for a quarter of an hour.
const FRESH: Duration = Duration::from_secs(300);

/// Where codes come from.
pub(crate) struct Desk {
    world: Arc<World>,
    batch: usize,
    /// Codes of batches that nobody has got yet, the oldest first.
    spare: Mutex<VecDeque<(Instant, String)>>,
}

impl Desk {
    /// An authority that asks for so many codes at a time.
    pub(crate) fn new(world: Arc<World>, batch: usize) -> Self {
        Self { world, batch, spare: Mutex::default() }
    }

    /// A code for person number `n`.
    pub(crate) async fn code(&self, n: u64) -> Result<String, Stuck> {
        if let Some(code) = self.spare_code() {
            return Ok(code);
        }
        let mut codes = self.issue(n).await?.into_iter();
        let code = codes.next().ok_or(Stuck("malformed_answer"))?;
        let now = Instant::now();
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).extend(codes.map(|code| (now, code)));
        Ok(code)
    }

    fn spare_code(&self) -> Option<String> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        while spare.front().is_some_and(|(issued, _)| issued.elapsed() > FRESH) {
            spare.pop_front();
        }
        spare.pop_front().map(|(_, code)| code)
    }

    /// Asks for a batch. Its requests have names, so that a lost reply costs nothing: the same again is answered with the same codes.
    async fn issue(&self, n: u64) -> Result<Vec<String>, Stuck> {
        let codes: Vec<IssueRequest> = (0..self.batch).map(|_| order()).collect();
        // An authority's connections have no meter.
        let meter = AtomicU64::new(0);
        let received = || meter.load(Ordering::Relaxed);
        match codes.as_slice() {
            [one] => {
                let call = || async { Ok(vec![self.post::<IssueReply>((n, &meter), "api/issue", one).await?.code]) };
                self.world.step("issue", received, call).await
            }
            _ => {
                let batch = BatchIssueRequest { codes, padding: String::new() };
                let call = || async { codes_of(self.post((n, &meter), "api/batch-issue", &batch).await?) };
                self.world.step("batch_issue", received, call).await
            }
        }
    }

    async fn post<R: DeserializeOwned>(
        &self,
        (n, meter): (u64, &AtomicU64),
        path: &str,
        message: &impl Serialize,
    ) -> Result<R, ClientError> {
        let mut headers = self.world.headers_of(Crowd::Offices, n);
        headers.insert(API_KEY_HEADER, self.world.target.admin_key.header().clone());
        headers.extend([web::JSON]);
        let body = serde_json::to_vec(message).expect("a struct of strings serialises");
        let url = self.world.target.verification.at(path);
        let unreachable = |word: &'static str| ClientError::Unreachable(word.replace('_', " "));
        let page = web::post(&self.world.http, url, headers, body).await.map_err(unreachable)?;
        meter.fetch_add(page.body.len() as u64, Ordering::Relaxed);
        if page.status != StatusCode::OK {
            return Err(refused(page.status, &page.body));
        }
        serde_json::from_slice(&page.body).map_err(|_| Malformed::new("reply", "is not the documented JSON").into())
    }
}

/// What an authority asks for when somebody's test was positive.
fn order() -> IssueRequest {
    let uuid = u128::from_be_bytes(chance().random());
    IssueRequest { test_type: "confirmed".to_owned(), uuid: format!("{uuid:032x}"), ..IssueRequest::default() }
}

fn codes_of(reply: BatchIssueReply) -> Result<Vec<String>, ClientError> {
    let code = |item| match item {
        BatchIssueItem::Issued(reply) => Ok(reply.code),
        BatchIssueItem::Refused(_) => Err(Malformed::new("codes", "must be issued, all of them").into()),
    };
    reply.codes.into_iter().map(code).collect()
}

/// A refusal, as a phone would read it.
fn refused(status: StatusCode, body: &[u8]) -> ClientError {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let code = said["errorCode"].as_str().unwrap_or_default().to_owned();
    let status_code = status.as_u16();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return ClientError::Busy { status: status_code, code, retry_after: None };
    }
    ClientError::Refused { status: status_code, code, message: String::new() }
}
