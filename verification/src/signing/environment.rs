//! Private keys in the environment, for containers that have no disk to keep a secret on.
//!
//! `VERIFICATION_SIGNING_KEYS_{AUTHORITY}` holds the authority's keys as PKCS #8 PEM, one after the other; in the name, the authority's id
//! is in upper case with `_` for what is neither letter nor digit. Line ends may be written as `\n`.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use proto::certificate::{CertificateKey, CertificateSigner};
use zeroize::Zeroizing;

use super::contract::{Keyring, Signer};
use crate::error::VerificationError;

/// The line that ends a private key (RFC 7468, section 10).
const END: &str = "-----END PRIVATE KEY-----";

/// Looks a variable up.
type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The environment of a process.
pub(super) struct Environment(Box<Lookup>);

impl Environment {
    /// That of this process.
    pub(super) fn of_process() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// One that somebody made up.
    pub(super) fn new(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Box::new(lookup))
    }
}

/// The variable with an authority's keys. Two authorities may share one: each takes the keys that it knows.
pub(super) fn variable(authority: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("VERIFICATION_SIGNING_KEYS_{}", authority.chars().map(upper).collect::<String>())
}

#[async_trait]
impl Keyring for Environment {
    async fn signer(
        &self,
        authority: &str,
        key: &CertificateKey,
    ) -> Result<Option<Arc<dyn Signer>>, VerificationError> {
        let name = variable(authority);
        let Some(text) = (self.0)(&name).map(Zeroizing::new) else { return Ok(None) };
        let text = Zeroizing::new(text.replace("\\n", "\n"));
        for pem in text.split_inclusive(END).filter(|pem| !pem.trim().is_empty()) {
            // A line end behind the last line, which reading PEM wants and splitting took away.
            let pem = Zeroizing::new(format!("{}\n", pem.trim()));
            let signer = CertificateSigner::from_pem(&pem).map_err(|_| VerificationError::Content {
                path: PathBuf::from(&name),
                reason: "must hold PKCS #8 PEM private keys, Ed25519 or P-256, one after the other",
            })?;
            if signer.public_key() == *key {
                return Ok(Some(Arc::new(signer)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proto::certificate::Algorithm;

    use super::*;

    fn drawn(algorithm: Algorithm) -> CertificateSigner {
        CertificateSigner::generate(algorithm, &mut store::chance::source())
    }

    #[test]
    fn a_variable_is_named_after_its_authority() {
        assert_eq!(variable("no"), "VERIFICATION_SIGNING_KEYS_NO");
        assert_eq!(variable("no.fhi-2_x"), "VERIFICATION_SIGNING_KEYS_NO_FHI_2_X");
    }

    #[actix_web::test]
    async fn each_key_of_a_variable_is_found_however_its_lines_end() {
        let signers = [drawn(Algorithm::EdDsa), drawn(Algorithm::Es256)];
        let text: String = signers.iter().map(|signer| signer.to_pem().to_string()).collect();
        for text in [text.clone(), text.replace('\n', "\\n"), text.replace('\n', "\r\n"), format!("\n {text}\n\n")] {
            let environment = Environment::new(move |name| (name == variable("no")).then(|| text.clone()));
            for signer in &signers {
                let found = environment.signer("no", &signer.public_key()).await.expect("read").expect("found");
                assert_eq!(found.public_key(), signer.public_key());
            }
            let other = drawn(Algorithm::EdDsa).public_key();
            assert!(environment.signer("no", &other).await.expect("read").is_none());
            assert!(environment.signer("se", &signers[0].public_key()).await.expect("read").is_none());
        }
    }

    #[actix_web::test]
    async fn a_variable_with_something_else_is_an_error_that_does_not_repeat_it() {
        let environment = Environment::new(|_| Some("hunter2".to_owned()));
        let error = environment.signer("no", &drawn(Algorithm::EdDsa).public_key()).await.err().expect("refused");
        assert!(error.to_string().contains("VERIFICATION_SIGNING_KEYS_NO") && !error.to_string().contains("hunter2"));
    }
}
