//! A simulated health authority.

use ed25519_dalek::SigningKey;
use proto::certificate::{CertificateKey, CertificateSigner, Claims, StatsClaims};
use proto::commitment::Commitment;
use proto::{ReportType, Timestamp};

/// The authority that publishes in NO and SE.
pub(crate) const NORTH: Authority = Authority::new("north", 1);
/// The authority that publishes in DK.
pub(crate) const SOUTH: Authority = Authority::new("south", 2);

/// An authority that signs with one Ed25519 key.
pub(crate) struct Authority {
    /// Its id and issuer.
    pub(crate) id: &'static str,
    /// Its signing key's seed.
    seed: [u8; 32],
}

impl Authority {
    pub(crate) const fn new(id: &'static str, seed: u8) -> Self {
        Self { id, seed: [seed; 32] }
    }

    pub(crate) fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.seed)
    }

    pub(crate) fn public_key(&self) -> CertificateKey {
        self.signer().public_key()
    }

    /// A certificate that is good now.
    pub(crate) fn certify(&self, commitment: Commitment, report_type: ReportType, now: Timestamp) -> String {
        self.sign(&self.claims(commitment, report_type, now))
    }

    pub(crate) fn claims(&self, commitment: Commitment, report_type: ReportType, now: Timestamp) -> Claims {
        Claims {
            issuer: self.id.to_owned(),
            audience: "pratique".to_owned(),
            issued_at: now,
            expires_at: now.plus(900),
            report_type,
            symptom_onset: None,
            commitment,
        }
    }

    pub(crate) fn sign(&self, claims: &Claims) -> String {
        self.signer().sign(claims)
    }

    /// What a stats token says that is good now.
    pub(crate) fn stats_claims(&self, now: Timestamp) -> StatsClaims {
        StatsClaims {
            issuer: self.id.to_owned(),
            audience: "pratique-stats".to_owned(),
            issued_at: now,
            expires_at: now.plus(300),
        }
    }

    pub(crate) fn sign_stats_token(&self, claims: &StatsClaims) -> String {
        self.signer().sign_stats_token(claims)
    }

    fn signer(&self) -> CertificateSigner {
        CertificateSigner::new(self.signing_key())
    }
}
