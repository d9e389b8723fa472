//! Keys, times and content that never change: what the fuzz corpus is made of and checked against.

use ed25519_dalek::SigningKey;
use proto::bundle::{BundleSigner, GaenEntry, SigningKeyId, TcnClass, TcnEntry};
use proto::certificate::{CertificateKey, CertificateSigner, Expected};
use proto::gaen::TemporaryExposureKey;
use proto::note::NoteSigner;
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};
use proto::{Interval, Kind, Region, ReportType, Timestamp};

/// The moment of every fixture: 2020-06-01T12:00:00Z.
pub const NOW: Timestamp = Timestamp::from_unix(1_591_012_800);
/// `iss` of the certificates of the fixtures, and the authority's id.
pub const ISSUER: &str = "health";
/// `aud` of the certificates of the fixtures.
pub const AUDIENCE: &str = "pratique";

/// The region of the fixtures.
///
/// # Panics
/// Never: `XA` is a region.
pub fn region() -> Region {
    "XA".parse().expect("XA is a region")
}

/// What the certificates of the fixtures are checked against.
pub const fn expected() -> Expected<'static> {
    Expected { issuer: ISSUER, audience: AUDIENCE, now: NOW }
}

/// The seed of the authority that signs with Ed25519.
pub const CERTIFICATE_SEED: [u8; 32] = [1; 32];

/// The authority that signs with Ed25519.
pub fn certificate_signer() -> CertificateSigner {
    CertificateSigner::new(SigningKey::from_bytes(&CERTIFICATE_SEED))
}

/// The key of an authority that signs with ES256.
///
/// # Panics
/// Never: the scalar is in range.
pub fn es256_signing_key() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[2; 32]).expect("0x02 repeated is below the order of P-256")
}

/// Both certificate keys, Ed25519 first.
pub fn certificate_keys() -> [CertificateKey; 2] {
    [certificate_signer().public_key(), CertificateKey::P256(*es256_signing_key().verifying_key())]
}

/// Who signs bundles of one kind.
///
/// # Panics
/// Never: the scalar is in range.
pub fn bundle_signer(kind: Kind) -> BundleSigner {
    match kind {
        Kind::Gaen => {
            let key = p256::ecdsa::SigningKey::from_slice(&[3; 32]);
            BundleSigner::Gaen(key.expect("0x03 repeated is below the order of P-256"))
        }
        Kind::Tcn => BundleSigner::Tcn(SigningKey::from_bytes(&[4; 32])),
    }
}

/// The id of the bundle signing keys.
///
/// # Panics
/// Never: `XA` and `v1` are allowed.
pub fn signing_key_id() -> SigningKeyId {
    SigningKeyId::new("XA", "v1").expect("XA and v1 are allowed")
}

/// Who signs manifests.
///
/// # Panics
/// Never: the name has neither white space nor a plus sign.
pub fn note_signer() -> NoteSigner {
    let key = SigningKey::from_bytes(&[5; 32]);
    NoteSigner::new(&proto::manifest::note_name(&region()), key).expect("a region's note name is allowed")
}

/// Key number `n`: a day long, of the `n % 14 + 1`th day before [`NOW`].
///
/// # Panics
/// Never: the key is well formed.
pub fn gaen_key(n: u8) -> TemporaryExposureKey {
    let start = Interval::containing(NOW).midnight().plus(-144 * (i64::from(n % 14) + 1));
    TemporaryExposureKey::new(&[n; 16], i64::from(start.number()), 144).expect("16 bytes, a day, in range")
}

/// Key number `n` as published.
pub fn gaen_entry(n: u8) -> GaenEntry {
    let days = i8::try_from(n % 14).unwrap_or_default();
    GaenEntry {
        key: gaen_key(n),
        transmission_risk: 2,
        report_type: Some(ReportType::Confirmed),
        days_since_onset: Some(-days),
    }
}

/// Report number `n`, over the numbers 1 to `last`.
///
/// # Panics
/// If `last` is 0 or above 1,345, or `memo` longer than 255 bytes.
pub fn report(n: u8, last: u16, memo: &[u8]) -> SignedReport {
    let memo = Memo::new(MemoType::CovidWatchV1, memo).expect("at most 255 bytes");
    SignedReport::create(&ReportAuthorizationKey::from_seed([n; 32]), &memo, 1, last).expect("1 to 1,345 numbers")
}

/// Report number `n` as published.
pub fn tcn_entry(n: u8) -> TcnEntry {
    TcnEntry { report: report(n, 24, &[]), report_type: ReportType::Confirmed, class: TcnClass::Verified }
}
