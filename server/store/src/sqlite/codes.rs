//! `Codes` on SQLite: one file a transaction.

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

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use proto::Timestamp;
use rusqlite::Transaction;

pub(super) use expire::run as end;
pub(super) use find::run as look_up;

use super::migrations::{self, VERIFICATION};
use super::pool::Pool;
use crate::codes::{
    Certify, CertifyOutcome, Claim, ClaimOutcome, CodeForm, CodeStatus, Codes, ExpireOutcome, FoundCode, IssueOutcome,
    NewCode, Peppered,
};
use crate::error::StoreError;
use crate::observer::{Observed, Observer};

/// The verification database in one file.
#[derive(Clone)]
pub struct SqliteCodeStore {
    pub(super) pool: Pool,
}

impl SqliteCodeStore {
    /// Opens the file, creates it if it does not exist, and runs the migrations that it lacks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file cannot be opened, [`StoreError::Corrupt`] if it is no database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { pool: Pool::open(path, |connection| migrations::run(connection, VERIFICATION))? })
    }
}

#[async_trait]
impl Codes for SqliteCodeStore {
    async fn issue(&self, code: &NewCode, now: Timestamp) -> Result<IssueOutcome, StoreError> {
        let code = code.clone();
        self.pool.write("codes::issue", move |transaction| issue::run(transaction, &code, now)).await
    }

    async fn find_long(&self, authority: &str, digests: &[Peppered]) -> Result<Option<FoundCode>, StoreError> {
        let (authority, digests) = (authority.to_owned(), digests.to_owned());
        let find = move |transaction: &Transaction<'_>| find::run(transaction, &authority, CodeForm::Long, &digests);
        self.pool.read("codes::find_long", find).await
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let claim = claim.clone();
        self.pool.write("codes::claim", move |transaction| claim::run(transaction, &claim)).await
    }

    async fn certify(&self, certify: &Certify) -> Result<CertifyOutcome, StoreError> {
        let certify = certify.clone();
        self.pool.write("codes::certify", move |transaction| certify::run(transaction, &certify)).await
    }

    async fn status(&self, authority: &str, uuid: [u8; 16]) -> Result<Option<CodeStatus>, StoreError> {
        let authority = authority.to_owned();
        self.pool.read("codes::status", move |transaction| status::run(transaction, &authority, uuid)).await
    }

    async fn expire(&self, authority: &str, uuid: [u8; 16], now: Timestamp) -> Result<ExpireOutcome, StoreError> {
        let authority = authority.to_owned();
        self.pool.write("codes::expire", move |transaction| expire::run(transaction, &authority, uuid, now)).await
    }

    async fn expire_unclaimed(&self, authority: Option<&str>, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let authority = authority.map(str::to_owned);
        let expire =
            move |transaction: &Transaction<'_>| expire::run_unclaimed(transaction, authority.as_deref(), now, limit);
        self.pool.write("codes::expire_unclaimed", expire).await
    }

    async fn peppers(&self) -> Result<Vec<String>, StoreError> {
        self.pool.read("codes::peppers", peppers::run).await
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.pool.write("codes::purge", move |transaction| purge::run(transaction, now, limit)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let one = |transaction: &Transaction<'_>| Ok(transaction.query_row("SELECT 1", [], |_| Ok(()))?);
        self.pool.read("codes::ping", one).await
    }
}

impl Observed for SqliteCodeStore {
    fn observe(&self, observer: Arc<dyn Observer>) {
        self.pool.watch(observer);
    }
}
