//! A simulated phone: what it has, and what it sends.

use proto::api::base64;
use proto::api::publish::{ExposureKey, PublishRequest, ReportsRequest};
use proto::commitment::{Commitment, HmacKey, KeySegment};
use proto::{Interval, Timestamp};

use crate::authority::Authority;

/// What every phone here has for an HMAC key.
const HMAC_KEY: [u8; 16] = [5; 16];

/// `count` keys of one person: one a day, the newest of the day before yesterday. All have ended long ago, so all may be published.
pub(crate) fn keys(now: Timestamp, person: u8, count: u8) -> Vec<ExposureKey> {
    let today = Interval::containing(now).midnight();
    let key = |day: u8| ExposureKey {
        key: base64::encode(&[[person; 8], [day; 8]].concat()),
        rolling_start_number: i64::from(today.number()) - 144 * (i64::from(day) + 2),
        rolling_period: 144,
        transmission_risk: 3,
    };
    (0..count).map(key).collect()
}

/// An upload of keys to an authority's regions.
pub(crate) fn upload(keys: Vec<ExposureKey>, authority: &Authority, certificate: String) -> PublishRequest {
    PublishRequest {
        temporary_exposure_keys: keys,
        health_authority_id: authority.id.to_owned(),
        verification_payload: certificate,
        hmac_key: base64::encode(&HMAC_KEY),
        ..PublishRequest::default()
    }
}

/// An upload of reports to an authority's regions.
pub(crate) fn upload_reports(reports: Vec<String>, authority: &Authority, certificate: String) -> ReportsRequest {
    ReportsRequest {
        reports,
        health_authority_id: authority.id.to_owned(),
        verification_payload: certificate,
        hmac_key: base64::encode(&HMAC_KEY),
        padding: String::new(),
    }
}

/// The commitment over keys as they stand in an upload.
pub(crate) fn commit(keys: &[ExposureKey]) -> Commitment {
    hmac_key().commit_keys(&segments(keys))
}

/// What a commitment over keys is made of.
pub(crate) fn segments(keys: &[ExposureKey]) -> Vec<KeySegment<'_>> {
    keys.iter().map(KeySegment::from).collect()
}

/// The commitment over reports as they stand in an upload.
pub(crate) fn commit_reports(reports: &[String]) -> Commitment {
    let texts: Vec<_> = reports.iter().map(String::as_str).collect();
    hmac_key().commit_reports(&texts)
}

/// The HMAC key, to commit to something else.
pub(crate) fn hmac_key() -> HmacKey {
    HmacKey::new(&HMAC_KEY).expect("16 bytes")
}
