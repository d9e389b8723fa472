//! `Issuers` on PostgreSQL: one file a table.

mod api_key;
mod authority;
mod signing_key;

use async_trait::async_trait;
use proto::Timestamp;

use super::codes::PostgresCodeStore;
use crate::error::StoreError;
use crate::issuers::{ApiKeyGrant, ApiKeyKind, Issuer, IssuerKey, Issuers, RegisteredApiKey, RegisteredIssuer};

#[async_trait]
impl Issuers for PostgresCodeStore {
    async fn create_issuer(&self, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
        authority::create(&self.pool, issuer, now).await
    }

    async fn update_issuer(&self, issuer: &Issuer) -> Result<(), StoreError> {
        authority::update(&self.pool, issuer).await
    }

    async fn issuer(&self, id: &str, now: Timestamp) -> Result<Option<Issuer>, StoreError> {
        authority::get(&self.pool, id, now).await
    }

    async fn issuers(&self) -> Result<Vec<RegisteredIssuer>, StoreError> {
        authority::list(&self.pool).await
    }

    async fn set_issuer_disabled(&self, authority: &str, disabled_at: Option<Timestamp>) -> Result<(), StoreError> {
        authority::disable(&self.pool, authority, disabled_at).await
    }

    async fn add_issuer_key(&self, authority: &str, key: &IssuerKey) -> Result<(), StoreError> {
        signing_key::add(&self.pool, authority, key).await
    }

    async fn rotate_issuer_key(
        &self,
        authority: &str,
        key: &IssuerKey,
        others_retire_at: Timestamp,
    ) -> Result<(), StoreError> {
        signing_key::rotate(&self.pool, authority, key, others_retire_at).await
    }

    async fn retire_issuer_key(&self, authority: &str, kid: &str, at: Timestamp) -> Result<(), StoreError> {
        signing_key::retire(&self.pool, authority, kid, at).await
    }

    async fn issuer_keys(&self, authority: &str, since: Timestamp) -> Result<Option<Vec<IssuerKey>>, StoreError> {
        signing_key::list(&self.pool, authority, since).await
    }

    async fn add_api_key(
        &self,
        authority: &str,
        kind: ApiKeyKind,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        api_key::add(&self.pool, authority, kind, digest, now).await
    }

    async fn api_keys(&self, authority: &str) -> Result<Option<Vec<RegisteredApiKey>>, StoreError> {
        api_key::list(&self.pool, authority).await
    }

    async fn revoke_api_key(&self, authority: &str, digest: [u8; 32], now: Timestamp) -> Result<(), StoreError> {
        api_key::revoke(&self.pool, authority, digest, now).await
    }

    async fn api_key(&self, digest: [u8; 32], now: Timestamp) -> Result<Option<ApiKeyGrant>, StoreError> {
        api_key::find(&self.pool, digest, now).await
    }
}
