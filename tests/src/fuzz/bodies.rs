//! Request bodies of the services.

use proto::api::base64;
use proto::api::publish::{PublishRequest, ReportsRequest};
use proto::api::verification::{CertificateRequest, IssueRequest, VerifyRequest};
use proto::commitment::{Commitment, HmacKey, KeySegment};
use proto::gaen::TemporaryExposureKey;

use super::certificates::certificate;

/// The body of `POST /v1/publish`.
pub fn publish(data: &[u8]) {
    let Ok(request) = serde_json::from_slice::<PublishRequest>(data) else { return };
    certificate(request.verification_payload.as_bytes());
    let segments: Vec<KeySegment<'_>> = request.temporary_exposure_keys.iter().map(segment).collect();
    for key in &request.temporary_exposure_keys {
        if let Ok(bytes) = base64::decode("key", &key.key) {
            let _ = TemporaryExposureKey::new(&bytes, key.rolling_start_number, key.rolling_period);
        }
    }
    if let Some(hmac_key) = hmac_key(&request.hmac_key) {
        assert!(hmac_key.covers_keys(&segments, &hmac_key.commit_keys(&segments)));
    }
}

/// The body of `POST /v1/reports`.
pub fn reports(data: &[u8]) {
    let Ok(request) = serde_json::from_slice::<ReportsRequest>(data) else { return };
    certificate(request.verification_payload.as_bytes());
    for text in &request.reports {
        if let Ok(bytes) = base64::decode("reports", text) {
            super::reports::report(&bytes);
        }
    }
    let texts: Vec<&str> = request.reports.iter().map(String::as_str).collect();
    if let Some(hmac_key) = hmac_key(&request.hmac_key) {
        assert!(hmac_key.covers_reports(&texts, &hmac_key.commit_reports(&texts)));
    }
}

/// The three bodies of the verification service: whichever of them the bytes are.
pub fn verification(data: &[u8]) {
    let _ = serde_json::from_slice::<IssueRequest>(data);
    if let Ok(request) = serde_json::from_slice::<VerifyRequest>(data) {
        let _ = base64::decode("nonce", &request.nonce);
    }
    if let Ok(request) = serde_json::from_slice::<CertificateRequest>(data) {
        let _ = base64::decode("ekeyhmac", &request.ekeyhmac).map(|bytes| Commitment::new(&bytes));
    }
}

fn hmac_key(text: &str) -> Option<HmacKey> {
    HmacKey::new(&base64::decode("hmacKey", text).ok()?).ok()
}

fn segment(key: &proto::api::publish::ExposureKey) -> KeySegment<'_> {
    KeySegment {
        key: &key.key,
        rolling_start: key.rolling_start_number,
        rolling_period: key.rolling_period,
        transmission_risk: key.transmission_risk,
    }
}
