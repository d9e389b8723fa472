//! What a phone uploads: 14 keys, under a certificate over exactly these, padded as our client pads.

use proto::api::base64;
use proto::api::publish::{ExposureKey, PublishRequest};
use proto::certificate::{CertificateSigner, Claims};
use proto::commitment::{HmacKey, KeySegment};
use proto::{Interval, ReportType, Timestamp};
use sha2::{Digest, Sha256};
use store::Clock;

/// How many keys a phone has, one a day.
const KEYS: u8 = 14;
/// The length of a body, so that the request has 16 KiB with its head.
const BODY_BYTES: usize = 16_384 - 160;
/// How an answer begins that took all of them.
pub(crate) const ACCEPTED: &[u8] = b"{\"";

/// Phones of people whom the authority has certified.
pub(crate) struct Phones {
    signer: CertificateSigner,
    now: Timestamp,
}

impl Phones {
    /// All come at about this moment.
    pub(crate) fn new(signer: CertificateSigner) -> Self {
        Self { signer, now: Clock::system().now() }
    }

    /// The body of one person's upload.
    pub(crate) fn upload(&self, person: u64) -> Vec<u8> {
        let hmac_key = HmacKey::new(&drawn(person, u8::MAX)).expect("16 bytes");
        let keys: Vec<_> = (0..KEYS).map(|day| self.key(person, day)).collect();
        let segments: Vec<_> = keys.iter().map(KeySegment::from).collect();
        let claims = Claims {
            issuer: "no".to_owned(),
            audience: "pratique".to_owned(),
            issued_at: self.now,
            expires_at: self.now.plus(3_600),
            report_type: ReportType::Confirmed,
            symptom_onset: Some(Interval::containing(self.now).midnight().plus(-3 * 144)),
            commitment: hmac_key.commit_keys(&segments),
        };
        let mut request = PublishRequest {
            verification_payload: self.signer.sign(&claims),
            temporary_exposure_keys: keys,
            health_authority_id: "no".to_owned(),
            hmac_key: base64::encode(&drawn(person, u8::MAX)),
            ..PublishRequest::default()
        };
        let bare = serde_json::to_vec(&request).expect("JSON").len();
        request.padding = "x".repeat(BODY_BYTES.saturating_sub(bare));
        serde_json::to_vec(&request).expect("JSON")
    }

    fn key(&self, person: u64, day: u8) -> ExposureKey {
        let start = Interval::containing(self.now).midnight().plus(-144 * (i64::from(day) + 1));
        ExposureKey {
            key: base64::encode(&drawn(person, day)),
            rolling_start_number: start.number().into(),
            rolling_period: 144,
            transmission_risk: i64::from(day % 8) + 1,
        }
    }
}

/// Sixteen bytes of a person's that nobody else has.
fn drawn(person: u64, which: u8) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest([&person.to_be_bytes()[..], &[which]].concat()).into();
    digest.first_chunk().copied().expect("32 bytes are at least 16")
}
