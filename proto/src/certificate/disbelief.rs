//! Why a signed word is not believed.

/// Why a certificate, or a stats token, is not believed. The caller is told none of this; it is for metrics.
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
    /// A certificate where something else is asked for.
    #[error("purpose")]
    Purpose,
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
    /// `exp` lies too long after `iat`.
    #[error("life")]
    Life,
}
