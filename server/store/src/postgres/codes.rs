//! `Codes` on PostgreSQL: one file a transaction.
//!
//! Issuing, claiming and certifying are one statement each as long as nobody is in the way. A statement that changes a row only if it may
//! answers with the row as it was before, too, from which the refusal follows. Two that come at the same time change the row one after the
//! other; the second then finds that its look was out of date, and looks again.

mod certify;
mod claim;
mod expire;
mod find;
mod issue;
mod peppers;
mod purge;
mod row;
mod self_report;
mod status;

use std::sync::Arc;

use async_trait::async_trait;
use proto::Timestamp;

pub(super) use expire::expire_undelivered;
pub(super) use find::found;

use super::migrations::VERIFICATION;
use super::pool::Pool;
use crate::codes::{
    Certify, CertifyOutcome, Claim, ClaimOutcome, CodeStatus, Codes, ExpireOutcome, FoundCode, IssueOutcome, NewCode,
    Peppered,
};
use crate::database_url::PostgresUrl;
use crate::error::StoreError;
use crate::observer::{Observed, Observer};

/// The verification database on a server. Clones share their connections.
#[derive(Clone)]
pub struct PostgresCodeStore {
    pub(super) pool: Pool,
}

impl PostgresCodeStore {
    /// Connects to a database that [`migrate`](Self::migrate) has brought to this program's version.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the server does not answer for half a minute, [`StoreError::NotReady`] if there is no such database or
    /// it is at another version.
    pub async fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        let pool = Pool::open(&planned_once(url)).await?;
        VERIFICATION.check(&pool).await?;
        Ok(Self { pool })
    }

    /// Runs the migrations that the database lacks, as its owner.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`StoreError::NotReady`] if the user may not change the schema.
    pub async fn migrate(url: &PostgresUrl) -> Result<(), StoreError> {
        VERIFICATION.run(&Pool::open(url).await?).await
    }
}

/// The same database, with statements that are planned once a connection. Each of ours finds its rows by their keys, whatever the values are,
/// but PostgreSQL would guess that the claim of a known value might be worth a plan of its own, and plan most of them anew for twice the cost.
fn planned_once(url: &PostgresUrl) -> PostgresUrl {
    let mut url = url.clone();
    let said = url.config.get_options().unwrap_or_default();
    let options = format!("-c plan_cache_mode=force_generic_plan {said}");
    url.config.options(options.trim_end());
    url
}

#[async_trait]
impl Codes for PostgresCodeStore {
    async fn issue(&self, code: &NewCode, now: Timestamp) -> Result<IssueOutcome, StoreError> {
        issue::run(&self.pool, code, now).await
    }

    async fn find_long(&self, authority: &str, digests: &[Peppered]) -> Result<Option<FoundCode>, StoreError> {
        find::run(&self.pool, authority, digests).await
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        claim::run(&self.pool, claim).await
    }

    async fn certify(&self, certify: &Certify) -> Result<CertifyOutcome, StoreError> {
        certify::run(&self.pool, certify).await
    }

    async fn status(&self, authority: &str, uuid: [u8; 16]) -> Result<Option<CodeStatus>, StoreError> {
        status::run(&self.pool, authority, uuid).await
    }

    async fn expire(&self, authority: &str, uuid: [u8; 16], now: Timestamp) -> Result<ExpireOutcome, StoreError> {
        expire::run(&self.pool, authority, uuid, now).await
    }

    async fn expire_unclaimed(&self, authority: Option<&str>, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        expire::run_unclaimed(&self.pool, authority, now, limit).await
    }

    async fn peppers(&self) -> Result<Vec<String>, StoreError> {
        peppers::run(&self.pool).await
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        purge::run(&self.pool, now, limit).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.pool.query("codes::ping", "-- codes::ping\nSELECT 1", &[]).await.map(drop)
    }
}

impl Observed for PostgresCodeStore {
    fn observe(&self, observer: Arc<dyn Observer>) {
        self.pool.watch.set(observer);
    }
}
