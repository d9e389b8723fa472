//! Chaff: what a request costs that carries nothing. It is read, believed and written like an upload, but against a key of ours and into a table that
//! nobody reads, and it is answered like one.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use proto::api::publish::{ExposureKey, MAX_KEYS, MAX_REPORTS, PublishRequest, ReportsRequest};
use proto::api::{base64, parse_body};
use proto::certificate::{Algorithm, CertificateKey, CertificateSigner, Claims, Expected, UnverifiedCertificate};
use proto::commitment::{Commitment, HmacKey, KeySegment};
use proto::{ReportType, Timestamp};
use service::{CHAFF_PER_SECOND, ChaffBudget, Metrics};
use store::Scratch;

use crate::metrics::PREFIX;

/// The `iss` and `aud` of the certificate that is checked. No authority has its key.
pub(crate) const NOBODY: &str = "chaff";
/// How many keys or reports an upload has that does not say: two weeks of them.
const USUAL: usize = 14;
/// What an entry costs in rows: itself, and its publication in one feed.
const ROWS_AN_ENTRY: usize = 2;

/// What working for chaff takes.
pub(crate) struct ChaffDesk {
    budget: ChaffBudget,
    /// Which block of the ring is written over next.
    block: AtomicU32,
    key: CertificateKey,
    certificate: String,
    hmac_key: HmacKey,
}

/// What a request would carry if it carried anything.
pub(crate) enum Decoy {
    /// Keys.
    Keys(PublishRequest),
    /// Reports under a certificate.
    Reports(ReportsRequest),
    /// A report without one.
    SelfReport,
    /// A wish for a challenge, for which nothing is stored.
    Challenge,
}

impl ChaffDesk {
    /// A desk with a key pair of its own, drawn for this process.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let signer = CertificateSigner::generate(Algorithm::EdDsa, &mut store::chance::source());
        let claims = Claims {
            issuer: NOBODY.to_owned(),
            audience: NOBODY.to_owned(),
            issued_at: Timestamp::from_unix(0),
            expires_at: Timestamp::from_unix(900),
            report_type: ReportType::Confirmed,
            symptom_onset: None,
            commitment: Commitment::new(&store::chance::bytes::<32>()).expect("a commitment has 32 bytes"),
        };
        Self {
            budget: ChaffBudget::new(CHAFF_PER_SECOND, metrics, PREFIX),
            block: AtomicU32::default(),
            key: signer.public_key(),
            certificate: signer.sign(&claims),
            hmac_key: HmacKey::new(&store::chance::bytes::<32>()).expect("it is longer than 16 bytes"),
        }
    }

    /// The same with another budget.
    pub(crate) fn with_rate(&self, per_second: u32) -> Self {
        Self {
            budget: self.budget.with_rate(per_second),
            block: AtomicU32::new(self.block.load(Ordering::Relaxed)),
            key: self.key.clone(),
            certificate: self.certificate.clone(),
            hmac_key: self.hmac_key.clone(),
        }
    }

    /// Counts one more, and says whether to work for it.
    pub(crate) fn admits_one(&self) -> bool {
        self.budget.admits_one()
    }

    /// Does what believing an upload takes: a signature is checked and an HMAC computed over all that came. What comes of it is of no account.
    pub(crate) fn believe(&self, decoy: &Decoy) {
        let expected = Expected { issuer: NOBODY, audience: NOBODY, now: Timestamp::from_unix(0) };
        let certificate = UnverifiedCertificate::parse(&self.certificate).expect("it is of our making");
        let claims =
            certificate.verify(&self.key, &expected).expect("it is signed with our key, and the time is its own");
        black_box(decoy.covered_by(&self.hmac_key, &claims.commitment));
    }

    /// What is written for it.
    pub(crate) fn scratch(&self, decoy: &Decoy) -> Scratch {
        let block = self.block.fetch_add(1, Ordering::Relaxed);
        let rows = std::iter::repeat_with(store::chance::bytes).take(ROWS_AN_ENTRY * decoy.stored()).collect();
        Scratch { block, rows }
    }
}

impl Decoy {
    /// What a request on this path says it carries. Apps in the field send padding and nothing else, so any body will do.
    pub(crate) fn read(path: &str, body: &[u8]) -> Self {
        match path {
            "/v1/publish" => Self::Keys(parse_body(body).unwrap_or_default()),
            "/v1/reports" => Self::Reports(parse_body(body).unwrap_or_default()),
            "/v1/challenge" => Self::Challenge,
            _ => Self::SelfReport,
        }
    }

    /// Whom it names.
    pub(crate) fn authority(&self) -> &str {
        match self {
            Self::Keys(request) => &request.health_authority_id,
            Self::Reports(request) => &request.health_authority_id,
            Self::SelfReport | Self::Challenge => NOBODY,
        }
    }

    /// How many keys or reports are good.
    pub(crate) fn entries(&self) -> usize {
        let (sent, most) = match self {
            Self::Keys(request) => (request.temporary_exposure_keys.len(), MAX_KEYS),
            Self::Reports(request) => (request.reports.len(), MAX_REPORTS),
            Self::SelfReport | Self::Challenge => return 1,
        };
        if (1..=most).contains(&sent) { sent } else { USUAL }
    }

    fn stored(&self) -> usize {
        if matches!(self, Self::Challenge) { 0 } else { self.entries() }
    }

    fn covered_by(&self, key: &HmacKey, commitment: &Commitment) -> bool {
        match self {
            Self::Keys(request) => {
                let usual = vec![a_key(); USUAL];
                let sent = &request.temporary_exposure_keys;
                let keys = if sent.is_empty() { &usual } else { sent };
                key.covers_keys(&keys.iter().map(KeySegment::from).collect::<Vec<_>>(), commitment)
            }
            Self::Reports(request) => {
                let usual = vec![base64::encode(&store::chance::bytes::<135>()); USUAL];
                let reports = if request.reports.is_empty() { &usual } else { &request.reports };
                key.covers_reports(&reports.iter().map(String::as_str).collect::<Vec<_>>(), commitment)
            }
            Self::SelfReport | Self::Challenge => false,
        }
    }
}

/// Any key.
fn a_key() -> ExposureKey {
    ExposureKey {
        key: base64::encode(&store::chance::bytes::<16>()),
        rolling_start_number: 2_666_592,
        rolling_period: 144,
        transmission_risk: 1,
    }
}
