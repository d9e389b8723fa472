//! Administration: authorities, the keys that sign their certificates, the keys to the API, and the secrets.

use std::path::{Path, PathBuf};

use proto::certificate::CertificateKey;
use store::{ApiKeyKind, Issuer, IssuerKey, StoreError};

use crate::api_key::ApiKey;
pub use crate::authority::{AuthorityChange, AuthoritySpec, DEFAULT_AUDIENCE};
pub use crate::code_spec::CodeSpec;
use crate::error::VerificationError;
use crate::registry::Registry;
use crate::secrets::Secrets;
use crate::signers::Signers;
use crate::state::State;

/// Registers an authority. The same again changes nothing.
///
/// # Errors
/// [`VerificationError::Malformed`] names the field that does not hold; [`VerificationError::Store`] if another authority has the id or
/// the issuer, or the database fails.
pub async fn create_authority(
    registry: &impl AsRef<Registry>,
    spec: AuthoritySpec,
) -> Result<Issuer, VerificationError> {
    let (registry, issuer) = (registry.as_ref(), Issuer::try_from(spec)?);
    registry.store().create_issuer(&issuer, registry.now()).await?;
    Ok(issuer)
}

/// Changes what `change` names about an authority; what it does not name stays. Codes that are out keep their form and their life.
///
/// # Errors
/// [`VerificationError::Malformed`] names the field that does not hold; [`VerificationError::Store`] if there is no such authority,
/// another has the issuer, or the database fails.
pub async fn update_authority(
    registry: &impl AsRef<Registry>,
    id: &str,
    change: AuthorityChange,
) -> Result<Issuer, VerificationError> {
    let known = authorities(registry).await?.into_iter().find(|known| known.id == id);
    let issuer = change.apply(known.ok_or(StoreError::NotFound("authority"))?)?;
    registry.as_ref().store().update_issuer(&issuer).await?;
    Ok(issuer)
}

/// All authorities, by id.
///
/// # Errors
/// [`VerificationError::Store`] if the database fails.
pub async fn authorities(registry: &impl AsRef<Registry>) -> Result<Vec<Issuer>, VerificationError> {
    Ok(registry.as_ref().store().issuers().await?)
}

/// Draws a certificate signing key for an authority, writes its private half into the signing key directory and registers the public
/// half, which the key server needs. It signs from now on; earlier keys stay published.
///
/// # Errors
/// [`VerificationError::Store`] if there is no such authority or the database fails, [`VerificationError::File`] if the key cannot be
/// written.
pub async fn create_signing_key(state: &State, authority: &str) -> Result<CertificateKey, VerificationError> {
    draw_signing_key(state.as_ref(), state.signers(), authority).await
}

/// The same without the service, for the directory `signing_key_dir`. Says also which file holds the private half.
///
/// # Errors
/// As [`create_signing_key`].
pub async fn create_signing_key_in(
    registry: &Registry,
    signing_key_dir: &Path,
    authority: &str,
) -> Result<(CertificateKey, PathBuf), VerificationError> {
    let signers = Signers::new(signing_key_dir);
    let key = draw_signing_key(registry, &signers, authority).await?;
    let file = signers.path(authority, &key.kid());
    Ok((key, file))
}

async fn draw_signing_key(
    registry: &Registry,
    signers: &Signers,
    authority: &str,
) -> Result<CertificateKey, VerificationError> {
    let now = registry.now();
    // Asked first, so that no key is written for nobody.
    if registry.store().issuer_keys(authority, now).await?.is_none() {
        return Err(StoreError::NotFound("authority").into());
    }
    let key = signers.create(authority, &mut store::chance::source())?;
    let entry = IssuerKey { kid: key.kid(), key: key.clone(), signs_from: now };
    registry.store().add_issuer_key(authority, &entry).await?;
    Ok(key)
}

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

/// Checks that every authority has a signing key and that it can be read, so that the operator hears of it before a phone does.
///
/// # Errors
/// The first that lacks one.
pub async fn check_signing_keys(state: &State) -> Result<(), VerificationError> {
    for authority in authorities(state).await? {
        state.signer(&authority.id, state.now()).await?;
    }
    Ok(())
}

/// Draws a secret that everything is written under from now on. The secrets before it stay live for what they have written; those that no
/// row needs any more are dropped. Answers how many are live. Services over the same file notice at once; where a service has a copy of its
/// own, the new secret must be in all copies before it may come first in any.
///
/// # Errors
/// [`VerificationError::Content`] if another program rotates the file, or if too many secrets are needed still;
/// [`VerificationError::File`] if it cannot be written; [`VerificationError::Store`] if the database fails.
pub async fn rotate_secret(registry: &impl AsRef<Registry>, secret_file: &Path) -> Result<usize, VerificationError> {
    let needed = registry.as_ref().store().peppers().await?;
    Secrets::rotate(secret_file, &needed, &mut store::chance::source())
}
