//! `Issuers` on SQLite: one file a table.

mod api_key;
mod authority;
mod signing_key;

use async_trait::async_trait;
use proto::Timestamp;
use rusqlite::Transaction;

use super::codes::SqliteCodeStore;
use crate::error::StoreError;
use crate::issuers::{ApiKeyGrant, ApiKeyKind, Issuer, IssuerKey, Issuers, RegisteredApiKey, RegisteredIssuer};

#[async_trait]
impl Issuers for SqliteCodeStore {
    async fn create_issuer(&self, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
        let issuer = issuer.clone();
        self.pool.write("issuers::create", move |transaction| authority::create(transaction, &issuer, now)).await
    }

    async fn update_issuer(&self, issuer: &Issuer) -> Result<(), StoreError> {
        let issuer = issuer.clone();
        self.pool.write("issuers::update", move |transaction| authority::update(transaction, &issuer)).await
    }

    async fn issuer(&self, id: &str, now: Timestamp) -> Result<Option<Issuer>, StoreError> {
        let id = id.to_owned();
        self.pool.read("issuers::get", move |transaction| authority::get(transaction, &id, now)).await
    }

    async fn issuers(&self) -> Result<Vec<RegisteredIssuer>, StoreError> {
        self.pool.read("issuers::list", authority::list).await
    }

    async fn set_issuer_disabled(&self, authority: &str, disabled_at: Option<Timestamp>) -> Result<(), StoreError> {
        let authority = authority.to_owned();
        let disable = move |transaction: &Transaction<'_>| authority::disable(transaction, &authority, disabled_at);
        self.pool.write("issuers::disable", disable).await
    }

    async fn add_issuer_key(&self, authority: &str, key: &IssuerKey) -> Result<(), StoreError> {
        let (authority, key) = (authority.to_owned(), key.clone());
        let add = move |transaction: &Transaction<'_>| signing_key::add(transaction, &authority, &key).map(drop);
        self.pool.write("issuers::add_key", add).await
    }

    async fn rotate_issuer_key(
        &self,
        authority: &str,
        key: &IssuerKey,
        others_retire_at: Timestamp,
    ) -> Result<(), StoreError> {
        let (authority, key) = (authority.to_owned(), key.clone());
        let rotate =
            move |transaction: &Transaction<'_>| signing_key::rotate(transaction, &authority, &key, others_retire_at);
        self.pool.write("issuers::rotate_key", rotate).await
    }

    async fn retire_issuer_key(&self, authority: &str, kid: &str, at: Timestamp) -> Result<(), StoreError> {
        let (authority, kid) = (authority.to_owned(), kid.to_owned());
        let retire = move |transaction: &Transaction<'_>| signing_key::retire(transaction, &authority, &kid, at);
        self.pool.write("issuers::retire_key", retire).await
    }

    async fn issuer_keys(&self, authority: &str, since: Timestamp) -> Result<Option<Vec<IssuerKey>>, StoreError> {
        let authority = authority.to_owned();
        self.pool.read("issuers::keys", move |transaction| signing_key::list(transaction, &authority, since)).await
    }

    async fn add_api_key(
        &self,
        authority: &str,
        kind: ApiKeyKind,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let authority = authority.to_owned();
        let add = move |transaction: &Transaction<'_>| api_key::add(transaction, &authority, kind, digest, now);
        self.pool.write("issuers::add_api_key", add).await
    }

    async fn api_keys(&self, authority: &str) -> Result<Option<Vec<RegisteredApiKey>>, StoreError> {
        let authority = authority.to_owned();
        self.pool.read("issuers::api_keys", move |transaction| api_key::list(transaction, &authority)).await
    }

    async fn revoke_api_key(&self, authority: &str, digest: [u8; 32], now: Timestamp) -> Result<(), StoreError> {
        let authority = authority.to_owned();
        let revoke = move |transaction: &Transaction<'_>| api_key::revoke(transaction, &authority, digest, now);
        self.pool.write("issuers::revoke_api_key", revoke).await
    }

    async fn api_key(&self, digest: [u8; 32], now: Timestamp) -> Result<Option<ApiKeyGrant>, StoreError> {
        self.pool.read("issuers::api_key", move |transaction| api_key::find(transaction, digest, now)).await
    }
}
