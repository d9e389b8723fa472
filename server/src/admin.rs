//! Administration: whose certificates are believed, and which regions their keys reach.

use proto::certificate::CertificateKey;
use proto::{Malformed, Region};
use store::{Authority, AuthorityKey};

use crate::error::ServerError;
use crate::state::State;

/// The `aud` of certificates that are meant for us, unless an authority says otherwise.
pub const DEFAULT_AUDIENCE: &str = "pratique";

/// An authority as the operator describes it.
#[derive(Debug, Clone)]
pub struct AuthoritySpec {
    /// Its id, which phones send as `healthAuthorityID`: 1 to 64 characters of a to z, 0 to 9, `.`, `_` and `-`; upper case is folded.
    pub id: String,
    /// `iss` of its certificates; the id if none.
    pub issuer: Option<String>,
    /// `aud` of its certificates; [`DEFAULT_AUDIENCE`] if none.
    pub audience: Option<String>,
    /// Where its keys are published: at least one.
    pub regions: Vec<Region>,
    /// The public keys with which it signs: at least one.
    pub keys: Vec<CertificateKey>,
}

/// Registers an authority. The same again changes nothing; other regions, keys, issuer or audience replace what was registered.
///
/// # Errors
/// [`ServerError::Malformed`] names the field that does not hold, [`ServerError::Store`] if the database fails.
pub async fn register_authority(state: &State, spec: AuthoritySpec) -> Result<Authority, ServerError> {
    let authority = Authority::try_from(spec)?;
    state.store().register(&authority, state.now()).await?;
    // Read back: the policy version is the store's to give.
    let registered = state.store().authority(&authority.id).await?;
    Ok(registered.unwrap_or(authority))
}

/// All registered authorities, by id.
///
/// # Errors
/// [`ServerError::Store`] if the database fails.
pub async fn authorities(state: &State) -> Result<Vec<Authority>, ServerError> {
    Ok(state.store().authorities().await?)
}

impl TryFrom<AuthoritySpec> for Authority {
    type Error = Malformed;

    fn try_from(spec: AuthoritySpec) -> Result<Self, Malformed> {
        let id = spec.id.to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) {
            return Err(Malformed::new("id", "must be 1 to 64 characters of a to z, 0 to 9, ., _ and -"));
        }
        if spec.regions.is_empty() {
            return Err(Malformed::new("region", "give at least one: where the authority's keys are published"));
        }
        if spec.keys.is_empty() {
            return Err(Malformed::new(
                "public_key",
                "give at least one: the key that signs the authority's certificates",
            ));
        }
        let issuer = spec.issuer.unwrap_or_else(|| id.clone());
        let audience = spec.audience.unwrap_or_else(|| DEFAULT_AUDIENCE.to_owned());
        let keys = spec.keys.into_iter().map(|key| AuthorityKey { kid: key.kid(), key }).collect();
        Ok(Self { id, issuer, audience, regions: spec.regions, policy_version: 1, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(id: &str) -> AuthoritySpec {
        let signer = proto::certificate::CertificateSigner::new(ed25519_dalek::SigningKey::from_bytes(&[7; 32]));
        let region = "NO".parse().expect("a region");
        AuthoritySpec {
            id: id.to_owned(),
            issuer: None,
            audience: None,
            regions: vec![region],
            keys: vec![signer.public_key()],
        }
    }

    #[test]
    fn an_authority_is_its_own_issuer_unless_it_says_otherwise() {
        let authority = Authority::try_from(spec("No.FHI")).expect("valid");
        assert_eq!((authority.id.as_str(), authority.issuer.as_str()), ("no.fhi", "no.fhi"));
        assert_eq!(authority.audience, "pratique");
        let named = AuthoritySpec { issuer: Some("https://fhi.no".to_owned()), ..spec("no.fhi") };
        assert_eq!(Authority::try_from(named).expect("valid").issuer, "https://fhi.no");
    }

    #[test]
    fn an_authority_without_id_region_or_key_is_refused_by_name() {
        let refused = |spec: AuthoritySpec| Authority::try_from(spec).expect_err("refused").field;
        assert_eq!(refused(spec("")), "id");
        assert_eq!(refused(spec("no fhi")), "id");
        assert_eq!(refused(spec(&"x".repeat(65))), "id");
        assert_eq!(refused(AuthoritySpec { regions: vec![], ..spec("no") }), "region");
        assert_eq!(refused(AuthoritySpec { keys: vec![], ..spec("no") }), "public_key");
    }
}
