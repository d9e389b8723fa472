//! Files that only their owner may read, with this crate's errors.

use std::path::Path;

use service::secret_file;
use zeroize::Zeroizing;

use crate::error::VerificationError;

/// As [`secret_file::read`].
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, VerificationError> {
    Ok(secret_file::read(path)?)
}

/// As [`secret_file::create`].
pub(crate) fn create(path: &Path, text: &str) -> Result<(), VerificationError> {
    Ok(secret_file::create(path, text)?)
}

/// As [`secret_file::replace`].
pub(crate) fn replace<T>(
    path: &Path,
    change: impl FnOnce(&str) -> Result<(Zeroizing<String>, T), VerificationError>,
) -> Result<T, VerificationError> {
    secret_file::replace(path, change)
}
