//! Administration: authorities, the keys that sign their certificates, and the keys to the API.

use std::path::{Path, PathBuf};

use proto::Malformed;
use proto::certificate::CertificateKey;
use store::{ApiKeyKind, Issuer, IssuerKey};

use crate::api_key::ApiKey;
use crate::error::VerificationError;
use crate::registry::Registry;
use crate::signers::Signers;
use crate::state::State;

/// The `aud` of certificates unless an authority says otherwise; the key server expects the same.
pub const DEFAULT_AUDIENCE: &str = "pratique";

/// An authority as the operator describes it.
#[derive(Debug, Clone, Default)]
pub struct AuthoritySpec {
    /// Its id: 1 to 64 characters of a to z, 0 to 9, `.`, `_` and `-`; upper case is folded. Phones send it as `healthAuthorityID`.
    pub id: String,
    /// `iss` of its certificates; the id if none.
    pub issuer: Option<String>,
    /// `aud` of its certificates; [`DEFAULT_AUDIENCE`] if none.
    pub audience: Option<String>,
    /// Whether an issue request must carry the date of onset or test.
    pub date_required: bool,
}

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
        return Err(store::StoreError::NotFound("authority").into());
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

impl TryFrom<AuthoritySpec> for Issuer {
    type Error = Malformed;

    fn try_from(spec: AuthoritySpec) -> Result<Self, Malformed> {
        let id = spec.id.to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        // A dot in front would hide the files that are named after the authority.
        if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) || id.starts_with('.') {
            return Err(Malformed::new("id", "must be 1 to 64 characters of a to z, 0 to 9, ., _ and -, not ."));
        }
        let issuer = spec.issuer.unwrap_or_else(|| id.clone());
        let audience = spec.audience.unwrap_or_else(|| DEFAULT_AUDIENCE.to_owned());
        // Both travel in every certificate, which must fit into a reply.
        for (field, text) in [("issuer", &issuer), ("audience", &audience)] {
            if !(1..=255).contains(&text.len()) || text.chars().any(char::is_control) {
                return Err(Malformed::new(field, "must be 1 to 255 bytes without control characters"));
            }
        }
        Ok(Self { id, issuer, audience, date_required: spec.date_required })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(id: &str) -> AuthoritySpec {
        AuthoritySpec { id: id.to_owned(), ..AuthoritySpec::default() }
    }

    #[test]
    fn an_authority_is_its_own_issuer_unless_it_says_otherwise() {
        let authority = Issuer::try_from(spec("No.FHI")).expect("valid");
        assert_eq!((authority.id.as_str(), authority.issuer.as_str()), ("no.fhi", "no.fhi"));
        assert_eq!((authority.audience.as_str(), authority.date_required), ("pratique", false));
    }

    #[test]
    fn an_authority_that_does_not_hold_is_refused_by_name() {
        let refused = |spec: AuthoritySpec| Issuer::try_from(spec).expect_err("refused").field;
        for id in ["", "no fhi", "../etc", ".hidden", "å", &"x".repeat(65)] {
            assert_eq!(refused(spec(id)), "id", "{id}");
        }
        assert_eq!(refused(AuthoritySpec { issuer: Some(String::new()), ..spec("no") }), "issuer");
        assert_eq!(refused(AuthoritySpec { audience: Some("x".repeat(256)), ..spec("no") }), "audience");
    }
}
