//! Is this certificate true, and for these keys?

use proto::api::base64;
use proto::api::publish::{PublishRequest, ReportsRequest};
use proto::certificate::{Claims, Disbelief, Expected, UnverifiedCertificate};
use proto::commitment::{Commitment, HmacKey, KeySegment};
use proto::{Feed, Kind, Timestamp};
use store::{Authority, KeyStore, Origin, Provenance};

use crate::problem::{Problem, Unbelieved};

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
}

/// Checks the certificate of an upload against the authority that it names, and the upload against the certificate.
///
/// # Errors
/// [`Problem::BadRequest`] for an `hmacKey` that is none, [`Problem::UnknownAuthority`], [`Problem::NotBelieved`], and
/// [`Problem::Internal`] if the store fails.
pub(crate) async fn believe(store: &dyn KeyStore, upload: &impl Upload, now: Timestamp) -> Result<Believed, Problem> {
    let hmac_key = HmacKey::new(&base64::decode("hmacKey", upload.hmac_key())?)?;
    let id = upload.authority_id().to_ascii_lowercase();
    let authority = store.authority(&id).await?.ok_or(Problem::UnknownAuthority)?;
    let (kid, claims) = check(&authority, upload.certificate(), now).map_err(Unbelieved::Certificate)?;
    if !upload.covered_by(&hmac_key, &claims.commitment) {
        return Err(Unbelieved::Commitment.into());
    }
    Ok(Believed { authority, kid, claims })
}

/// Tries the key that the certificate hints at, or each if it gives no hint. The hint selects among the authority's own keys and decides
/// nothing else: algorithm, issuer and audience are ours to know.
fn check(authority: &Authority, certificate: &str, now: Timestamp) -> Result<(String, Claims), Disbelief> {
    let certificate = UnverifiedCertificate::parse(certificate)?;
    let expected = Expected { issuer: &authority.issuer, audience: &authority.audience, now };
    let hint = certificate.kid();
    let mut reason = Disbelief::Signature;
    for key in authority.keys.iter().filter(|key| hint.is_none_or(|kid| kid == key.kid)) {
        match certificate.verify(&key.key, &expected) {
            Ok(claims) => return Ok((key.kid.clone(), claims)),
            Err(disbelief) => reason = disbelief,
        }
    }
    Err(reason)
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
        let segments: Vec<_> = self
            .temporary_exposure_keys
            .iter()
            .map(|sent| KeySegment {
                key: &sent.key,
                rolling_start: sent.rolling_start_number,
                rolling_period: sent.rolling_period,
                transmission_risk: sent.transmission_risk,
            })
            .collect();
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
