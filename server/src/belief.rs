//! Is this certificate true, and for these keys?

use proto::api::base64;
use proto::api::publish::{PublishRequest, ReportsRequest};
use proto::certificate::{CertificateKey, Claims, Disbelief, Expected, UnverifiedCertificate};
use proto::commitment::{Commitment, HmacKey, KeySegment};
use proto::{Feed, Kind, Timestamp};
use store::{Authority, AuthorityKey, Origin, Provenance, Trusted};

use crate::problem::{Problem, Unbelieved};
use crate::state::State;

/// An upload that comes with a certificate.
pub(crate) trait Upload {
    /// `healthAuthorityID` as sent.
    fn authority_id(&self) -> &str;
    /// `verificationPayload` as sent.
    fn certificate(&self) -> &str;
    /// `hmacKey` as sent.
    fn hmac_key(&self) -> &str;
    /// Whether the commitment is over exactly what was sent, before anything of it is dropped.
    fn covered_by(&self, key: &HmacKey, commitment: &Commitment) -> bool;
}

/// An upload's certificate, believed.
pub(crate) struct Believed {
    /// Who vouches.
    pub(crate) authority: Authority,
    /// With which of its keys.
    pub(crate) kid: String,
    /// For what.
    pub(crate) claims: Claims,
    /// Under what the upload was committed to.
    pub(crate) hmac_key: HmacKey,
}

/// Checks the certificate of an upload against the authority that it names, and the upload against the certificate.
///
/// # Errors
/// [`Problem::BadRequest`] for an `hmacKey` that is none, [`Problem::UnknownAuthority`], [`Problem::NotBelieved`], and
/// [`Problem::Internal`] if the store fails.
pub(crate) async fn believe(state: &State, upload: &impl Upload, now: Timestamp) -> Result<Believed, Problem> {
    let hmac_key = HmacKey::new(&base64::decode("hmacKey", upload.hmac_key())?)?;
    let id = upload.authority_id().to_ascii_lowercase();
    let trusted = state.store().trusted(&id).await?;
    let checked = match &trusted {
        Some(trusted) => check(trusted, upload.certificate(), now).map_err(Problem::NotBelieved),
        None => {
            check_in_vain(None);
            Err(Problem::UnknownAuthority)
        }
    };
    // What is refused costs as much as what is not: the raster hides what is left of the difference.
    let committed = checked.as_ref().map_or(&Commitment::UNKNOWN, |(_, claims)| &claims.commitment);
    let covered = upload.covered_by(&hmac_key, committed);
    match (trusted, checked) {
        (Some(trusted), Err(Problem::NotBelieved(Unbelieved::UnknownKey))) if trusted.has_key_set => {
            state.key_sets().want(&id);
            Err(Unbelieved::UnknownKey.into())
        }
        (_, Err(problem)) => Err(problem),
        (_, Ok(_)) if !covered => Err(Unbelieved::Commitment.into()),
        (Some(trusted), Ok((kid, claims))) => Ok(Believed { authority: trusted.authority, kid, claims, hmac_key }),
        (None, Ok(_)) => Err(Problem::UnknownAuthority),
    }
}

/// Tries the key that the certificate hints at, or each if it gives no hint. The hint selects among the authority's own keys and decides
/// nothing else: algorithm, issuer and audience are ours to know. Whatever is wrong, one signature is checked, if only in vain.
fn check(trusted: &Trusted, certificate: &str, now: Timestamp) -> Result<(String, Claims), Unbelieved> {
    let Trusted { authority, denied, .. } = trusted;
    let expected = Expected { issuer: &authority.issuer, audience: &authority.audience, now };
    let in_vain = |reason| {
        check_in_vain(authority.keys.first());
        reason
    };
    let certificate = UnverifiedCertificate::parse(certificate).map_err(Unbelieved::Certificate).map_err(in_vain)?;
    let hint = certificate.kid();
    let mut reason = None;
    for key in authority.keys.iter().filter(|key| hint.is_none_or(|kid| kid == key.kid)) {
        match certificate.verify(&key.key, &expected) {
            Ok(claims) => return Ok((key.kid.clone(), claims)),
            // Of keys that have nothing to do with it the last word is not the best.
            Err(Disbelief::Algorithm | Disbelief::Signature) if reason.is_some_and(is_about_claims) => {}
            Err(disbelief) => reason = Some(disbelief),
        }
    }
    match reason {
        Some(Disbelief::Algorithm) => Err(in_vain(Unbelieved::Certificate(Disbelief::Algorithm))),
        Some(disbelief) => Err(Unbelieved::Certificate(disbelief)),
        None if hint.is_some_and(|kid| denied.iter().any(|denied| denied == kid)) => {
            Err(in_vain(Unbelieved::DeniedKey))
        }
        None => Err(in_vain(Unbelieved::UnknownKey)),
    }
}

/// Whether the signature held.
fn is_about_claims(reason: Disbelief) -> bool {
    !matches!(reason, Disbelief::Algorithm | Disbelief::Signature)
}

/// Does the work of one check, under a key of the authority's if it has one.
fn check_in_vain(key: Option<&AuthorityKey>) {
    match key {
        Some(key) => key.key.check_in_vain(),
        None => CertificateKey::of_nobody().check_in_vain(),
    }
}

impl Believed {
    /// Where the authority's policy publishes content of this kind.
    ///
    /// # Errors
    /// [`Problem::MissingRegion`] if nowhere.
    pub(crate) fn feeds(&self, kind: Kind) -> Result<Vec<Feed>, Problem> {
        let feeds = self.authority.feeds(kind);
        if feeds.is_empty() { Err(Problem::MissingRegion) } else { Ok(feeds) }
    }

    /// What is remembered of where an upload came from.
    pub(crate) fn provenance(&self, received: Timestamp) -> Provenance {
        Provenance {
            authority: self.authority.id.clone(),
            kid: self.kid.clone(),
            origin: Origin::Ours,
            received,
            policy_version: self.authority.policy_version,
        }
    }
}

impl Upload for PublishRequest {
    fn authority_id(&self) -> &str {
        &self.health_authority_id
    }

    fn certificate(&self) -> &str {
        &self.verification_payload
    }

    fn hmac_key(&self) -> &str {
        &self.hmac_key
    }

    fn covered_by(&self, key: &HmacKey, commitment: &Commitment) -> bool {
        let segments: Vec<_> = self.temporary_exposure_keys.iter().map(KeySegment::from).collect();
        key.covers_keys(&segments, commitment)
    }
}

impl Upload for ReportsRequest {
    fn authority_id(&self) -> &str {
        &self.health_authority_id
    }

    fn certificate(&self) -> &str {
        &self.verification_payload
    }

    fn hmac_key(&self) -> &str {
        &self.hmac_key
    }

    fn covered_by(&self, key: &HmacKey, commitment: &Commitment) -> bool {
        let reports: Vec<_> = self.reports.iter().map(String::as_str).collect();
        key.covers_reports(&reports, commitment)
    }
}
