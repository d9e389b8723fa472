//! The keys that sign an authority's certificates, from the first day to the last.

use std::path::{Path, PathBuf};

use proto::certificate::{Algorithm, CertificateKey};
use proto::{Malformed, Timestamp};
use store::{IssuerKey, StoreError};

use crate::error::VerificationError;
use crate::registry::Registry;
use crate::signing::{AFTERGLOW, KeyStanding, Keychain, current, directory, lasts_without, standing};
use crate::state::State;

/// The longest overlap, in seconds: a quarter of a year.
pub const MAX_OVERLAP: i64 = 90 * 86_400;

/// A key that is to sign.
#[derive(Debug, Clone)]
pub enum NewKey {
    /// One that is drawn now; its private half goes into this directory, the one that the service reads signing keys from.
    Drawn(Algorithm, PathBuf),
    /// The public half of one that was made elsewhere; its private half is in the environment, or behind a [`Keyring`](crate::Keyring).
    Existing(CertificateKey),
}

/// A key with where it stands.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// The key and its times.
    pub key: IssuerKey,
    /// Where it stands now.
    pub standing: KeyStanding,
}

/// Draws an EdDSA key that signs from now on. As [`add_signing_key`].
///
/// # Errors
/// Those of [`add_signing_key`].
pub async fn create_signing_key(state: &State, authority: &str) -> Result<CertificateKey, VerificationError> {
    let directory = state.keychain().directory().to_owned();
    Ok(add_signing_key(state, authority, NewKey::Drawn(Algorithm::default(), directory)).await?.key)
}

/// Gives an authority a key that signs from now on; earlier keys stay published. Key servers that do not know it yet refuse what it signs:
/// this is for the first key, [`rotate_signing_key`] for those after it.
///
/// # Errors
/// [`VerificationError::Store`] if there is no such authority or the database fails, [`VerificationError::File`] if the key cannot be
/// written.
pub async fn add_signing_key(
    registry: &impl AsRef<Registry>,
    authority: &str,
    key: NewKey,
) -> Result<IssuerKey, VerificationError> {
    let registry = registry.as_ref();
    let now = registry.now();
    // Asked first, so that no key is written for nobody.
    live_keys(registry, authority, now).await?;
    let key = entry(authority, key, now)?;
    registry.store().add_issuer_key(authority, &key).await?;
    Ok(key)
}

/// Gives an authority a key that is published at once and signs in `overlap` seconds, when key servers have fetched it. Until then the
/// earlier keys sign; they stay published until the last certificate under them has expired. If nothing signs now, the key does at once.
///
/// # Errors
/// As [`add_signing_key`], and [`VerificationError::Malformed`] for an overlap that is not within 0 and [`MAX_OVERLAP`].
pub async fn rotate_signing_key(
    registry: &impl AsRef<Registry>,
    authority: &str,
    key: NewKey,
    overlap: i64,
) -> Result<IssuerKey, VerificationError> {
    if !(0..=MAX_OVERLAP).contains(&overlap) {
        return Err(Malformed::new("overlap", "must be from 0s to 90d").into());
    }
    let registry = registry.as_ref();
    let now = registry.now();
    let keys = live_keys(registry, authority, now).await?;
    let signs_from = if current(&keys, now).is_some() { now.plus(overlap) } else { now };
    let key = entry(authority, key, signs_from)?;
    registry.store().rotate_issuer_key(authority, &key, signs_from.plus(AFTERGLOW)).await?;
    Ok(key)
}

/// The keys of an authority that were live at `since` or later, the latest first.
///
/// # Errors
/// [`VerificationError::Store`] if there is no such authority or the database fails.
pub async fn signing_keys(
    registry: &impl AsRef<Registry>,
    authority: &str,
    since: Timestamp,
) -> Result<Vec<SigningKey>, VerificationError> {
    let registry = registry.as_ref();
    let (now, keys) = (registry.now(), live_keys(registry, authority, since).await?);
    let listed = keys.iter().map(|key| SigningKey { key: key.clone(), standing: standing(&keys, key, now) });
    Ok(listed.collect())
}

/// Whether a service over this signing key directory, with the environment of this process, could sign with this key.
pub async fn can_sign(signing_key_dir: &Path, authority: &str, key: &CertificateKey) -> bool {
    Keychain::new(vec![], signing_key_dir).signer(authority, key).await.is_ok()
}

/// Lets a key sign no more. It stays published until the last certificate under it has expired, or, `at_once`, no longer: what it signed is
/// then believed only by key servers that have not fetched the keys again. Answers until when it is published.
///
/// # Errors
/// [`VerificationError::LastSigningKey`] if the authority could not sign now, or not for good, without it; [`VerificationError::Store`] if
/// it has no such key or the database fails.
pub async fn retire_signing_key(
    registry: &impl AsRef<Registry>,
    authority: &str,
    kid: &str,
    at_once: bool,
) -> Result<Timestamp, VerificationError> {
    let registry = registry.as_ref();
    let now = registry.now();
    let keys = live_keys(registry, authority, now).await?;
    let key =
        keys.iter().find(|key| key.kid == kid).ok_or(StoreError::NotFound("live signing key of this authority"))?;
    let resting = standing(&keys, key, now) == KeyStanding::Resting && key.retires_at.is_some();
    if !resting && !lasts_without(&keys, kid, now) {
        return Err(VerificationError::LastSigningKey(authority.to_owned()));
    }
    let at = if at_once { now } else { now.plus(AFTERGLOW) };
    registry.store().retire_issuer_key(authority, kid, at).await?;
    Ok(key.retires_at.map_or(at, |before| before.min(at)))
}

/// The file in the signing key directory that holds the private half of an authority's key, if it was drawn.
pub fn signing_key_file(signing_key_dir: &Path, authority: &str, key: &CertificateKey) -> PathBuf {
    directory::path(signing_key_dir, authority, &key.kid())
}

/// Checks that the key can be read under which each authority that takes part signs, so that the operator hears of it before a phone does. Answers
/// the ids of those for which no key signs now: they are being set up, or every key of theirs was retired.
///
/// # Errors
/// [`VerificationError::NoPrivateKey`] for the first key that is nowhere, and what can be wrong with its file or its variable;
/// [`VerificationError::Store`] if the database fails.
pub async fn check_signing_keys(state: &State) -> Result<Vec<String>, VerificationError> {
    let mut without = Vec::new();
    for authority in super::authorities(state).await?.into_iter().filter(|known| known.disabled_at.is_none()) {
        match state.signer(&authority.issuer.id, state.now()).await {
            Ok(_) => {}
            Err(VerificationError::NoSigningKey(id)) => without.push(id),
            Err(error) => return Err(error),
        }
    }
    Ok(without)
}

async fn live_keys(
    registry: &Registry,
    authority: &str,
    since: Timestamp,
) -> Result<Vec<IssuerKey>, VerificationError> {
    let keys = registry.store().issuer_keys(authority, since).await?;
    keys.ok_or_else(|| StoreError::NotFound("authority").into())
}

/// What the database is told about a new key. A drawn one is written first: a public key that nobody can sign with would help nobody.
fn entry(authority: &str, key: NewKey, signs_from: Timestamp) -> Result<IssuerKey, VerificationError> {
    let key = match key {
        NewKey::Drawn(algorithm, dir) => directory::create(&dir, authority, algorithm, &mut store::chance::source())?,
        NewKey::Existing(key) => key,
    };
    Ok(IssuerKey { kid: key.kid(), key, signs_from, retires_at: None })
}
