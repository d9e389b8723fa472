//! The algorithms that sign certificates.

use crate::error::Malformed;

/// How a certificate is signed. It belongs to the key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037): fast, deterministic, and what we take unless told otherwise.
    #[default]
    EdDsa,
    /// ECDSA over P-256 with SHA-256 (RFC 7518, section 3.4), for key servers that know nothing else.
    Es256,
}

impl Algorithm {
    /// Both.
    pub const ALL: [Self; 2] = [Self::EdDsa, Self::Es256];

    /// The name as it stands in `alg`: `EdDSA`, `ES256`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads the name in any case.
impl std::str::FromStr for Algorithm {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| Malformed::new("algorithm", "must be eddsa or es256"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_is_named_in_any_case() {
        for (text, algorithm) in [("eddsa", Algorithm::EdDsa), ("EdDSA", Algorithm::EdDsa), ("Es256", Algorithm::Es256)]
        {
            assert_eq!(text.parse(), Ok(algorithm));
        }
        for text in ["", "none", "HS256", "RS256", "ES384", "ed25519"] {
            assert_eq!(text.parse::<Algorithm>().expect_err(text).field, "algorithm");
        }
    }
}
