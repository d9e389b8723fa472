//! Certificates: an authority's signed word that a commitment may be published. JWTs (RFC 7519) with two algorithms, EdDSA and ES256.
//!
//! The algorithm is a property of the key. A header that names another one is refused, so that nobody can talk a verifier into `none`,
//! into a symmetric algorithm with a public key as its secret, or into the other curve.

mod algorithm;
mod claims;
mod key;
mod key_set;
mod signer;

mod check;
mod in_vain;

pub use algorithm::Algorithm;
pub use check::{Disbelief, Expected, MAX_CERTIFICATE, UnverifiedCertificate};
pub use claims::Claims;
pub use key::CertificateKey;
pub use key_set::{MAX_KEY_SET, MAX_KEYS_IN_SET, MAX_KID, PublishedKey, read_key_set};
pub use signer::{CertificateSigner, SIGNATURE, UnsignedCertificate};
