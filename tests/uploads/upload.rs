//! What a person uploads: always the same bytes for the same person.

use std::sync::LazyLock;

use proto::api::base64;
use proto::api::publish::{ExposureKey, PublishRequest};
use proto::certificate::Claims;
use proto::commitment::{HmacKey, KeySegment};
use proto::{Interval, ReportType, Timestamp};
use sha2::{Digest as _, Sha256};
use store::{AuthorityKey, Clock};
use tests::fixtures;

/// How many keys a person has, one a day.
pub(crate) const KEYS: u64 = 14;
/// For how long certificates are good: for as long as a million keys take.
const GOOD_FOR: i64 = 86_400;

/// When everybody was certified.
static NOW: LazyLock<Timestamp> = LazyLock::new(|| Clock::system().now());

/// The authority that certifies, of one region.
pub(crate) fn authority() -> server::admin::AuthoritySpec {
    server::admin::AuthoritySpec {
        id: fixtures::ISSUER.to_owned(),
        audience: Some(fixtures::AUDIENCE.to_owned()),
        regions: vec![fixtures::region()],
        keys: vec![AuthorityKey::from(fixtures::certificate_signer().public_key())],
        ..Default::default()
    }
}

/// The bytes of a person's keys.
pub(crate) fn keys_of(person: u64) -> impl Iterator<Item = [u8; 16]> {
    (0..KEYS).map(move |day| {
        let digest: [u8; 32] = Sha256::digest([person.to_be_bytes(), day.to_be_bytes()].concat()).into();
        digest.first_chunk().copied().expect("32 bytes are at least 16")
    })
}

/// A whole request, its head included.
pub(crate) fn request(person: u64) -> Vec<u8> {
    const HMAC_KEY: [u8; 16] = [5; 16];
    let hmac_key = HmacKey::new(&HMAC_KEY).expect("16 bytes");
    let today = Interval::containing(*NOW).midnight();
    let key = |(bytes, day): ([u8; 16], i64)| ExposureKey {
        key: base64::encode(&bytes),
        // The newest ended yesterday: a quarter of an hour from now all may be released.
        rolling_start_number: today.plus(-144 * (day + 2)).number().into(),
        rolling_period: 144,
        transmission_risk: 3,
    };
    let keys: Vec<_> = keys_of(person).zip(0..).map(key).collect();
    let segments: Vec<_> = keys.iter().map(KeySegment::from).collect();
    let claims = Claims {
        issuer: fixtures::ISSUER.to_owned(),
        audience: fixtures::AUDIENCE.to_owned(),
        issued_at: *NOW,
        expires_at: NOW.plus(GOOD_FOR),
        report_type: ReportType::Confirmed,
        symptom_onset: Some(today.plus(-3 * 144)),
        commitment: hmac_key.commit_keys(&segments),
    };
    let upload = PublishRequest {
        verification_payload: fixtures::certificate_signer().sign(&claims),
        temporary_exposure_keys: keys,
        health_authority_id: fixtures::ISSUER.to_owned(),
        hmac_key: base64::encode(&HMAC_KEY),
        ..PublishRequest::default()
    };
    let body = serde_json::to_vec(&upload).expect("JSON");
    let head = format!(
        "POST /v1/publish HTTP/1.1\r\nHost: keys.example\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}
