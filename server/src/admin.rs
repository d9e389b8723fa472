//! Administration: whose certificates are believed, and which regions their keys reach.

mod trust;

use std::collections::BTreeSet;

use proto::{Feed, Kind, Malformed, Region};
use store::{Authority, AuthorityKey, DEFAULT_MEMO_BYTES, FeedPolicy, SelfReporting};

pub use trust::{authority, deny_key, disable_authority, enable_authority, refresh_key_set, registered_authorities};

use crate::error::ServerError;
use crate::key_sets::KeySetUrl;
use crate::state::State;

/// The `aud` of certificates that are meant for us, unless an authority says otherwise.
pub const DEFAULT_AUDIENCE: &str = "pratique";

/// The longest `kid` of a key, in bytes.
const MAX_KID: usize = 255;

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
    /// The public keys with which it signs: at least one, unless it publishes them itself.
    pub keys: Vec<AuthorityKey>,
    /// Where it publishes its keys, if it does. They are believed beside the others.
    pub key_set: Option<KeySetUrl>,
    /// Who may report there without a certificate.
    pub self_reports: SelfReporting,
    /// How many bytes the memo of a certified report may have.
    pub memo_bytes: u8,
}

impl Default for AuthoritySpec {
    /// Nobody yet: without id, regions and keys, and nobody reports without a certificate.
    fn default() -> Self {
        Self {
            id: String::new(),
            issuer: None,
            audience: None,
            regions: Vec::new(),
            keys: Vec::new(),
            key_set: None,
            self_reports: SelfReporting::Off,
            memo_bytes: DEFAULT_MEMO_BYTES,
        }
    }
}

/// What is to be different about an authority; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct AuthorityChange {
    /// See [`AuthoritySpec`].
    pub issuer: Option<String>,
    /// See [`AuthoritySpec`].
    pub audience: Option<String>,
    /// See [`AuthoritySpec`].
    pub regions: Option<Vec<Region>>,
    /// See [`AuthoritySpec`].
    pub keys: Option<Vec<AuthorityKey>>,
    /// See [`AuthoritySpec`].
    pub key_set: Option<Option<KeySetUrl>>,
    /// See [`AuthoritySpec`].
    pub self_reports: Option<SelfReporting>,
    /// See [`AuthoritySpec`].
    pub memo_bytes: Option<u8>,
}

/// Registers an authority. The same again changes nothing; other regions, keys, issuer or audience replace what was registered. What is denied
/// or disabled stays so.
///
/// # Errors
/// [`ServerError::Malformed`] names the field that does not hold, [`ServerError::Store`] if the database fails.
pub async fn register_authority(state: &State, spec: AuthoritySpec) -> Result<Authority, ServerError> {
    let key_set = spec.key_set.clone();
    let authority = Authority::try_from(spec)?;
    state.store().register(&authority, state.now()).await?;
    state.store().set_key_set(&authority.id, key_set.as_ref().map(KeySetUrl::as_str)).await?;
    // Read back: the policy version is the store's to give.
    let registered = state.store().registered(&authority.id).await?;
    Ok(registered.map_or(authority, |registered| registered.authority))
}

/// Changes what is said of a registered authority, disabled or not.
///
/// # Errors
/// As [`register_authority`]; [`store::StoreError::NotFound`] if it is not registered.
pub async fn update_authority(state: &State, id: &str, change: AuthorityChange) -> Result<Authority, ServerError> {
    let registered = authority(state, id).await?;
    let standing = registered.authority;
    let key_set = registered.key_set.map(|set| KeySetUrl::stored(set.url));
    let spec = AuthoritySpec {
        id: standing.id,
        issuer: Some(change.issuer.unwrap_or(standing.issuer)),
        audience: Some(change.audience.unwrap_or(standing.audience)),
        regions: change.regions.unwrap_or(standing.regions),
        keys: change.keys.unwrap_or(standing.keys),
        key_set: change.key_set.unwrap_or(key_set),
        self_reports: change.self_reports.unwrap_or(standing.self_reports),
        memo_bytes: change.memo_bytes.unwrap_or(standing.memo_bytes),
    };
    register_authority(state, spec).await
}

/// All authorities that are believed now, by id, with the keys under which they are.
///
/// # Errors
/// [`ServerError::Store`] if the database fails.
pub async fn authorities(state: &State) -> Result<Vec<Authority>, ServerError> {
    Ok(state.store().authorities().await?)
}

/// All feeds by path, and what they take.
///
/// # Errors
/// [`ServerError::Store`] if the database fails.
pub async fn feed_policies(state: &State) -> Result<Vec<FeedPolicy>, ServerError> {
    Ok(state.store().feed_policies().await?)
}

/// Lets a feed of keys take those of travellers, or not.
///
/// # Errors
/// [`ServerError::Malformed`] for a feed of another kind, [`ServerError::Store`] if it is not known.
pub async fn set_travellers(state: &State, feed: &Feed, travellers: bool) -> Result<(), ServerError> {
    if feed.kind != Kind::Gaen {
        return Err(Malformed::new("feed", "must be REGION/gaen: reports say nothing of travels").into());
    }
    Ok(state.store().set_travellers(feed, travellers).await?)
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
        if spec.keys.is_empty() && spec.key_set.is_none() {
            return Err(Malformed::new(
                "public_key",
                "give at least one: the key that signs the authority's certificates",
            ));
        }
        let kids: BTreeSet<_> = spec.keys.iter().map(|key| key.kid.as_str()).collect();
        if kids.len() < spec.keys.len() || kids.iter().any(|kid| !(1..=MAX_KID).contains(&kid.len())) {
            return Err(Malformed::new("kid", "must be 1 to 255 bytes, and another one for each key"));
        }
        if spec.self_reports.per_hour() == Some(0) {
            return Err(Malformed::new("self_reports_per_hour", "must be at least 1"));
        }
        let issuer = spec.issuer.unwrap_or_else(|| id.clone());
        let audience = spec.audience.unwrap_or_else(|| DEFAULT_AUDIENCE.to_owned());
        let AuthoritySpec { regions, keys, self_reports, memo_bytes, .. } = spec;
        Ok(Self { id, issuer, audience, regions, self_reports, memo_bytes, policy_version: 1, keys })
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
            regions: vec![region],
            keys: vec![signer.public_key().into()],
            ..AuthoritySpec::default()
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
        let nobody = SelfReporting::Open { per_hour: 0 };
        assert_eq!(refused(AuthoritySpec { self_reports: nobody, ..spec("no") }), "self_reports_per_hour");
    }

    #[test]
    fn a_key_goes_by_any_name_that_no_other_key_has() {
        let named = |kids: &[&str]| {
            let key = spec("no").keys.remove(0);
            let keys = kids.iter().map(|kid| AuthorityKey { kid: (*kid).to_owned(), ..key.clone() });
            Authority::try_from(AuthoritySpec { keys: keys.collect(), ..spec("no") })
        };
        assert_eq!(named(&["v1", "2021-05"]).expect("valid").keys[0].kid, "v1");
        for bad in [&["v1", "v1"][..], &[""], &[&"x".repeat(256)]] {
            assert_eq!(named(bad).expect_err("refused").field, "kid");
        }
    }
}
