//! Certificates: an authority's signed word that a commitment may be published. JWTs (RFC 7519) with two algorithms, EdDSA and ES256.
//!
//! The algorithm is a property of the key. A header that names another one is refused, so that nobody can talk a verifier into `none`,
//! into a symmetric algorithm with a public key as its secret, or into the other curve.
//!
//! Beside them, [stats tokens](StatsClaims): what an authority signs with the same keys to ask for its own numbers.

mod algorithm;
mod disbelief;
mod registered;

mod claims;
mod key;
mod key_set;
mod signer;

mod jwt;

mod check;
mod in_vain;
mod stats_token;

pub use algorithm::Algorithm;
pub use check::{MAX_CERTIFICATE, UnverifiedCertificate};
pub use claims::Claims;
pub use disbelief::Disbelief;
pub use key::CertificateKey;
pub use key_set::{MAX_KEY_SET, MAX_KEYS_IN_SET, MAX_KID, PublishedKey, read_key_set};
pub use registered::Expected;
pub use signer::{CertificateSigner, SIGNATURE, UnsignedCertificate};
pub use stats_token::{MAX_STATS_LIFE, MAX_STATS_TOKEN, StatsClaims, UnverifiedStatsToken};
