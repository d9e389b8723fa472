//! Believing a certificate, or not.

use ed25519_dalek::Signature as EdSignature;
use p256::ecdsa::Signature as EsSignature;
use p256::ecdsa::signature::Verifier;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::claims::{Claims, WireClaims};
use super::key::CertificateKey;
use crate::api::base64;
use crate::interval::Timestamp;

/// The longest certificate that is read, in bytes. Ours have about 450.
pub const MAX_CERTIFICATE: usize = 4_096;
/// Clocks of issuer and verifier may differ by this many seconds.
const LEEWAY: i64 = 60;

/// Why a certificate is not believed. The caller is told none of this; it is for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disbelief {
    /// Not a JWT with the claims we need.
    #[error("malformed")]
    Malformed,
    /// The header's `alg` is not the algorithm of the key.
    #[error("algorithm")]
    Algorithm,
    /// The signature does not hold.
    #[error("signature")]
    Signature,
    /// Another issuer.
    #[error("issuer")]
    Issuer,
    /// Meant for somebody else.
    #[error("audience")]
    Audience,
    /// `nbf` or `iat` lies in the future beyond the leeway.
    #[error("not yet valid")]
    NotYetValid,
    /// `exp` has passed beyond the leeway.
    #[error("expired")]
    Expired,
}

/// What a certificate is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// `iss` must be this.
    pub issuer: &'a str,
    /// `aud` must be this, or an array that contains it.
    pub audience: &'a str,
    /// The time of the check.
    pub now: Timestamp,
}

/// A certificate as received: parsed, nothing believed yet.
pub struct UnverifiedCertificate<'a> {
    header: Header,
    /// `header.payload` as received: what the signature covers (RFC 7515, section 5.2).
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The members of a header that mean something here; others (`typ`, `jku`, ...) are never acted on.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that a recipient must understand, RFC 7515, section 4.1.11. We understand none.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// True for any value: even `null` makes the member present.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

impl<'a> UnverifiedCertificate<'a> {
    /// Splits a compact JWT. Bounded: at most [`MAX_CERTIFICATE`] bytes.
    ///
    /// # Errors
    /// [`Disbelief::Malformed`].
    pub fn parse(text: &'a str) -> Result<Self, Disbelief> {
        if text.len() > MAX_CERTIFICATE {
            return Err(Disbelief::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Disbelief::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Disbelief::Malformed)?;
        // A further dot is no character of the alphabet and is refused with the payload.
        let decode = |part| base64::decode_url(part).ok_or(Disbelief::Malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Disbelief::Malformed)?;
        if header.crit {
            return Err(Disbelief::Malformed);
        }
        Ok(Self { header, signed, payload: decode(payload)?, signature: decode(signature)? })
    }

    /// The header's `kid`, if it has one: only a hint which key to try.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Checks algorithm, signature, issuer, audience and times (leeway 60 s), in this order. The claims are not even parsed before
    /// the signature holds.
    ///
    /// # Errors
    /// The first [`Disbelief`].
    pub fn verify(&self, key: &CertificateKey, expected: &Expected<'_>) -> Result<Claims, Disbelief> {
        if self.header.alg != key.algorithm() {
            return Err(Disbelief::Algorithm);
        }
        self.verify_signature(key).ok_or(Disbelief::Signature)?;
        let claims: WireClaims = serde_json::from_slice(&self.payload).map_err(|_| Disbelief::Malformed)?;
        if claims.iss != expected.issuer {
            return Err(Disbelief::Issuer);
        }
        if !claims.aud.contains(expected.audience) {
            return Err(Disbelief::Audience);
        }
        check_times(&claims, expected.now)?;
        claims.into_claims(expected.audience).ok_or(Disbelief::Malformed)
    }

    /// Some if the signature holds.
    fn verify_signature(&self, key: &CertificateKey) -> Option<()> {
        let signed = self.signed.as_bytes();
        match key {
            // RFC 8037, section 3.1, strictly as for reports.
            CertificateKey::Ed25519(key) => {
                key.verify_strict(signed, &EdSignature::from_slice(&self.signature).ok()?).ok()
            }
            // RFC 7518, section 3.4: r || s, 32 bytes each, not DER.
            CertificateKey::P256(key) => key.verify(signed, &EsSignature::from_slice(&self.signature).ok()?).ok(),
        }
    }
}

/// `nbf` and `iat` are not in the future, `exp` not in the past.
fn check_times(claims: &WireClaims, now: Timestamp) -> Result<(), Disbelief> {
    let begins = claims.nbf.map_or(claims.iat.moment(), |nbf| nbf.moment().max(claims.iat.moment()));
    if begins > now.plus(LEEWAY) {
        return Err(Disbelief::NotYetValid);
    }
    // RFC 7519, section 4.1.4: "on or after" the expiration time it is not accepted.
    if claims.exp.moment() <= now.plus(-LEEWAY) {
        return Err(Disbelief::Expired);
    }
    Ok(())
}
