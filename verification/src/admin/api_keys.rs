//! The keys to the API.

use proto::Malformed;
use store::{ApiKeyKind, RegisteredApiKey, StoreError};

use crate::api_key::{self, ApiKey};
use crate::error::VerificationError;
use crate::registry::Registry;

/// Draws an API key and stores its digest. The key itself is not kept anywhere: show it to whom it is for.
///
/// # Errors
/// [`VerificationError::Store`] if there is no such authority or the database fails.
pub async fn create_api_key(
    registry: &impl AsRef<Registry>,
    authority: &str,
    kind: ApiKeyKind,
) -> Result<ApiKey, VerificationError> {
    let registry = registry.as_ref();
    let key = ApiKey::draw(authority, kind, &mut store::chance::source());
    registry.store().add_api_key(authority, kind, key.digest(), registry.now()).await?;
    Ok(key)
}

/// All API keys of an authority, revoked ones too, the oldest first.
///
/// # Errors
/// [`VerificationError::Store`] if there is no such authority or the database fails.
pub async fn api_keys(
    registry: &impl AsRef<Registry>,
    authority: &str,
) -> Result<Vec<RegisteredApiKey>, VerificationError> {
    let keys = registry.as_ref().store().api_keys(authority).await?;
    keys.ok_or_else(|| StoreError::NotFound("authority").into())
}

/// The name of an API key among those of its authority: the first twelve hexadecimal digits of its digest.
pub fn api_key_id(digest: &[u8; 32]) -> String {
    api_key::id(digest)
}

/// Revokes an API key from now on, by its id or as many of its first digits as tell it apart. Answers its id. The same again changes
/// nothing.
///
/// # Errors
/// [`VerificationError::Malformed`] if several keys begin so; [`VerificationError::Store`] if the authority has no such key or the database
/// fails.
pub async fn revoke_api_key(
    registry: &impl AsRef<Registry>,
    authority: &str,
    id: &str,
) -> Result<String, VerificationError> {
    let id = id.to_ascii_lowercase();
    let keys = api_keys(registry, authority).await?;
    let mut matching = keys.iter().filter(|key| !id.is_empty() && api_key::id(&key.digest).starts_with(&id));
    let key = matching.next().ok_or(StoreError::NotFound("API key of this authority"))?;
    if matching.next().is_some() {
        return Err(Malformed::new("id", "several API keys begin like this; give more of it").into());
    }
    let registry = registry.as_ref();
    registry.store().revoke_api_key(authority, key.digest, registry.now()).await?;
    Ok(api_key::id(&key.digest))
}

/// The id that an API key has, for whoever found one and wants it revoked.
pub fn id_of_api_key(key: &str) -> String {
    api_key::id(&api_key::digest(key.trim()))
}
