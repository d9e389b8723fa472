//! What can go wrong outside of a request, by what the operator can do about it.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use proto::Malformed;
use service::secret_file::SecretFileError;
use store::StoreError;

/// The service cannot be opened or administered like this.
#[derive(Debug, thiserror::Error)]
pub enum VerificationError {
    /// A file with a secret or a key cannot be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Others than its owner may read a file with a secret.
    #[error("{}: others may read this file; run chmod 600 on it", .0.display())]
    Exposed(PathBuf),
    /// A file, or a variable of the environment, does not hold what it should.
    #[error("{}: {reason}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        reason: &'static str,
    },
    /// The settings of an authority's text messages are not as they must be.
    #[error("{}: {reason}", path.display())]
    Settings {
        /// Which file.
        path: PathBuf,
        /// Which field, and what it must be. The text of the file is not repeated: it holds secrets.
        reason: Malformed,
    },
    /// An authority has no key that signs now.
    #[error("authority {0} has no signing key; run verification keys generate --authority {0}")]
    NoSigningKey(String),
    /// A request that the API would refuse, too.
    #[error("{text} ({code})")]
    Refused {
        /// For programs, as in the API: `missing_date`.
        code: &'static str,
        /// For people.
        text: Cow<'static, str>,
    },
    /// The private half of a signing key is nowhere to be found.
    #[error("the private half of a signing key is missing: it is neither in {} nor in {variable}", path.display())]
    NoPrivateKey {
        /// The file that would hold it.
        path: PathBuf,
        /// The variable that could.
        variable: String,
    },
    /// Without this key the authority could not sign, now or later.
    #[error(
        "no other key would sign for authority {0}; run verification keys rotate --authority {0} --overlap 0s first"
    )]
    LastSigningKey(String),
    /// A key that is not in this process could not sign.
    #[error("the certificate could not be signed: {0}")]
    Signer(String),
    /// Something about an authority is not as it must be.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SecretFileError> for VerificationError {
    fn from(error: SecretFileError) -> Self {
        match error {
            SecretFileError::File { path, cause } => Self::File { path, cause },
            SecretFileError::Exposed(path) => Self::Exposed(path),
            SecretFileError::Content { path, reason } => Self::Content { path, reason },
        }
    }
}
