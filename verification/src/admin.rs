//! Administration: authorities, the keys that sign their certificates, the keys to the API, and the secrets.

mod api_keys;
mod signing_keys;
#[cfg(test)]
mod signing_keys_test;

use std::path::Path;

use store::{Issuer, RegisteredIssuer, StoreError};

pub use crate::authority::{AuthorityChange, AuthoritySpec, DEFAULT_AUDIENCE};
pub use crate::code_spec::CodeSpec;
use crate::error::VerificationError;
use crate::registry::Registry;
use crate::secrets::Secrets;
use crate::state::State;
pub use api_keys::{api_key_id, api_keys, create_api_key, id_of_api_key, revoke_api_key};
pub use signing_keys::{
    MAX_OVERLAP, NewKey, SigningKey, add_signing_key, can_sign, check_signing_keys, create_signing_key,
    retire_signing_key, rotate_signing_key, signing_key_file, signing_keys,
};

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
    let known = authorities(registry).await?.into_iter().map(|known| known.issuer).find(|known| known.id == id);
    let issuer = change.apply(known.ok_or(StoreError::NotFound("authority"))?)?;
    registry.as_ref().store().update_issuer(&issuer).await?;
    Ok(issuer)
}

/// All authorities, disabled ones too, by id.
///
/// # Errors
/// [`VerificationError::Store`] if the database fails.
pub async fn authorities(registry: &impl AsRef<Registry>) -> Result<Vec<RegisteredIssuer>, VerificationError> {
    Ok(registry.as_ref().store().issuers().await?)
}

/// Refuses everything to an authority from now on, to its staff and to its app. Codes and tokens that are out stay what they are, and its
/// keys stay published, so that certificates that were signed are believed to their end.
///
/// # Errors
/// [`VerificationError::Store`] if there is no such authority or the database fails.
pub async fn disable_authority(registry: &impl AsRef<Registry>, id: &str) -> Result<(), VerificationError> {
    let registry = registry.as_ref();
    Ok(registry.store().set_issuer_disabled(id, Some(registry.now())).await?)
}

/// Lets an authority take part again.
///
/// # Errors
/// [`VerificationError::Store`] if there is no such authority or the database fails.
pub async fn enable_authority(registry: &impl AsRef<Registry>, id: &str) -> Result<(), VerificationError> {
    Ok(registry.as_ref().store().set_issuer_disabled(id, None).await?)
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

/// Reads the settings for text messages of every authority that takes part, so that those which cannot be used are known at once and not when the
/// first code is to be sent.
///
/// # Errors
/// What is wrong with the first that cannot be used, with its file; [`VerificationError::Store`] if the database fails.
pub async fn check_text_messages(state: &State) -> Result<(), VerificationError> {
    let all = authorities(state).await?;
    let mut taking_part = all.iter().filter(|known| known.disabled_at.is_none());
    taking_part.try_for_each(|authority| state.couriers().check(&authority.issuer.id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::handlers::fixture_test::{COMMITMENT, Desk};

    #[actix_web::test]
    async fn a_disabled_authority_is_refused_everything_until_it_is_enabled() {
        let desk = Desk::open().await;
        let (code, token) = (desk.code().await, desk.token().await);
        let certificate = json!({ "token": token, "ekeyhmac": COMMITMENT });
        disable_authority(&desk.state, "no").await.expect("disabled");
        assert_eq!(desk.issue(&json!({ "testType": "likely" })).await.refusal(), (403, "authority_disabled"));
        assert_eq!(desk.verify(&json!({ "code": code })).await.refusal(), (403, "authority_disabled"));
        let answer = desk.post("/api/certificate", &desk.device, &certificate).await;
        assert_eq!(answer.refusal(), (403, "authority_disabled"));
        // Who has no key that is good here hears nothing of it, and what was signed is believed to its end.
        assert_eq!(desk.post("/api/issue", &desk.device, &json!({})).await.refusal(), (401, "unauthorized"));
        assert_eq!(desk.published().await.len(), 1);
        assert!(check_signing_keys(&desk.state).await.expect("looked at").is_empty(), "nobody else lacks a key");

        enable_authority(&desk.state, "no").await.expect("enabled");
        assert_eq!(desk.verify(&json!({ "code": code })).await.status, 200);
        assert_eq!(desk.certificate(&token, COMMITMENT).await.status, 200);
        for nobody in [disable_authority(&desk.state, "se").await, enable_authority(&desk.state, "se").await] {
            assert!(matches!(nobody, Err(VerificationError::Store(_))));
        }
    }

    #[actix_web::test]
    async fn a_revoked_api_key_is_good_for_nothing() {
        let desk = Desk::open().await;
        let (before, id) = (api_keys(&desk.state, "no").await.expect("listed"), id_of_api_key(&desk.admin));
        assert!(before.iter().any(|key| api_key_id(&key.digest) == id));
        for given in [&id[..6], &id, &id.to_uppercase()] {
            assert_eq!(revoke_api_key(&desk.state, "no", given).await.expect("revoked"), id);
        }
        assert_eq!(desk.issue(&json!({ "testType": "likely" })).await.refusal(), (401, "unauthorized"));
        assert_eq!(desk.verify(&json!({ "code": "0" })).await.refusal(), (400, "code_invalid"));
        let listed = api_keys(&desk.state, "no").await.expect("listed");
        assert_eq!(listed.iter().filter(|key| key.revoked_at.is_some()).count(), 1);
        for nothing in ["", "zz", "0123456789abcdef"] {
            assert!(matches!(revoke_api_key(&desk.state, "no", nothing).await, Err(VerificationError::Store(_))));
        }
    }
}
