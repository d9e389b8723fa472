//! Certificates and the public keys that check them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use proto::bundle::BundleKey;
use proto::certificate::{
    CertificateKey, Expected, MAX_KEYS_IN_SET, MAX_STATS_LIFE, MAX_STATS_TOKEN, PublishedKey, UnverifiedCertificate,
    UnverifiedStatsToken, read_key_set,
};
use proto::note::NoteVerifier;

use super::reports::assert_plain;
use super::services::ask_for_stats;
use crate::fixtures;

/// A compact JWT as received. Whoever believes one believes its issuer, audience and times.
pub fn certificate(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(certificate) = UnverifiedCertificate::parse(text) else { return };
    assert!(data.len() <= 4_096);
    let _ = certificate.kid();
    for key in fixtures::certificate_keys() {
        if let Ok(claims) = certificate.verify(&key, &fixtures::expected()) {
            assert_eq!(claims.issuer, fixtures::ISSUER);
            assert_eq!(claims.audience, fixtures::AUDIENCE);
            assert!(claims.expires_at.plus(60) >= fixtures::NOW, "expired, but believed");
            assert!(claims.issued_at <= fixtures::NOW.plus(60), "not yet issued, but believed");
        }
    }
}

/// Claims that a trusted key signed: what is behind the signature may be just as malformed.
pub fn claims(data: &[u8]) {
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"EdDSA","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(data));
    let signature = SigningKey::from_bytes(&fixtures::CERTIFICATE_SEED).sign(signed.as_bytes());
    certificate(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())).as_bytes());
}

/// What stands behind `Bearer` when an authority asks for its numbers, or claims that a trusted key signed. Whoever believes a token believes that
/// it is no certificate, its issuer, audience and times, and that it does not live long.
pub fn stats_token(data: &[u8]) {
    if data.starts_with(b"{") {
        let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"EdDSA","kid":"v1"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(data));
        let signature = SigningKey::from_bytes(&fixtures::CERTIFICATE_SEED).sign(signed.as_bytes());
        return stats_token(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())).as_bytes());
    }
    let reply = ask_for_stats(b"{}", data);
    assert!([200, 401].contains(&reply.status), "{}", reply.status);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(token) = UnverifiedStatsToken::parse(text) else { return };
    assert!(data.len() <= MAX_STATS_TOKEN);
    let _ = (token.kid(), token.issuer());
    let expected = Expected { audience: server::DEFAULT_STATS_AUDIENCE, ..fixtures::expected() };
    for key in fixtures::certificate_keys() {
        if let Ok(claims) = token.verify(&key, &expected) {
            assert_eq!((claims.issuer.as_str(), claims.audience.as_str()), (expected.issuer, expected.audience));
            assert!(claims.expires_at.plus(60) >= fixtures::NOW, "expired, but believed");
            assert!(claims.issued_at <= fixtures::NOW.plus(60), "not yet issued, but believed");
            assert!(claims.expires_at <= claims.issued_at.plus(MAX_STATS_LIFE), "lives too long, but believed");
            let certificate = UnverifiedCertificate::parse(text).expect("a JWT");
            assert!(certificate.verify(&key, &expected).is_err(), "it cannot be both");
        }
    }
}

/// A public key as an operator pastes it: PEM or DER. What is accepted is written back as the same key.
pub fn public_key(data: &[u8]) {
    match BundleKey::from_spki(data) {
        Ok(key) => assert_eq!(BundleKey::from_spki(&key.to_spki()).as_ref(), Ok(&key)),
        Err(refusal) => assert_plain(&refusal),
    }
    let Ok(pem) = std::str::from_utf8(data) else { return };
    match BundleKey::from_pem(pem) {
        Ok(key) => assert_eq!(BundleKey::from_pem(&key.to_pem()).as_ref(), Ok(&key)),
        Err(refusal) => assert_plain(&refusal),
    }
    match CertificateKey::from_pem(pem) {
        Ok(key) => {
            assert_eq!(CertificateKey::from_pem(&key.to_pem()).as_ref(), Ok(&key));
            assert_eq!(key.kid().len(), 43);
        }
        Err(refusal) => assert_plain(&refusal),
    }
    let _ = NoteVerifier::from_pem("pratique/XA", pem);
}

/// A JWK set as an authority publishes it. What is accepted are distinct names of keys that survive being published again.
pub fn key_set(data: &[u8]) {
    let keys = match read_key_set(data) {
        Ok(keys) => keys,
        Err(refusal) => return assert_plain(&refusal),
    };
    assert!((1..=MAX_KEYS_IN_SET).contains(&keys.len()));
    let names: std::collections::BTreeSet<_> = keys.iter().map(|key| key.kid.as_str()).collect();
    assert_eq!(names.len(), keys.len(), "a name that two keys have");
    for PublishedKey { kid, key } in &keys {
        assert!((1..=255).contains(&kid.len()) && !kid.contains('\0'));
        assert_eq!(CertificateKey::from_pem(&key.to_pem()).as_ref(), Ok(key));
        let again = serde_json::json!({ "keys": [key.to_jwk()] }).to_string();
        assert_eq!(read_key_set(again.as_bytes()).map(|keys| keys[0].key.clone()).as_ref(), Ok(key));
    }
}
