//! A compact JWT as received: split, and its signature checked. What it says is for those who know its claims.

use ed25519_dalek::Signature as EdSignature;
use p256::ecdsa::Signature as EsSignature;
use p256::ecdsa::signature::Verifier;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::disbelief::Disbelief;
use super::key::CertificateKey;
use crate::api::base64;

/// The longest one that is read, in bytes.
pub(super) const MAX_JWT: usize = 4_096;

/// A JWT as received: parsed, nothing believed yet.
pub(super) struct UnverifiedJwt<'a> {
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
pub(super) fn present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

impl<'a> UnverifiedJwt<'a> {
    /// Splits a compact JWT. Bounded: at most [`MAX_JWT`] bytes.
    pub(super) fn parse(text: &'a str) -> Result<Self, Disbelief> {
        if text.len() > MAX_JWT {
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
    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The payload, which nobody vouches for.
    pub(super) fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload, if the header names the algorithm of the key and the signature holds.
    pub(super) fn payload(&self, key: &CertificateKey) -> Result<&[u8], Disbelief> {
        if self.header.alg != key.algorithm() {
            return Err(Disbelief::Algorithm);
        }
        self.verify_signature(key).ok_or(Disbelief::Signature)?;
        Ok(&self.payload)
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
