//! What a phone broadcasts: rolling proximity identifiers and associated encrypted metadata (GAEN cryptography v1.2).

use crate::gaen::TemporaryExposureKey;

/// A rolling proximity identifier (RPI): 16 bytes, broadcast for ten minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RollingProximityIdentifier(pub [u8; 16]);

/// Four bytes of metadata, in clear or encrypted (AEM).
pub type AssociatedMetadata = [u8; 4];

impl TemporaryExposureKey {
    /// All identifiers of the key in order, one an interval from `rolling_start` on.
    pub fn identifiers(&self) -> impl Iterator<Item = RollingProximityIdentifier> {
        todo!() as std::vec::IntoIter<RollingProximityIdentifier>
    }

    /// Encrypts, or decrypts, the metadata that travels with `identifier` (AES-CTR is its own inverse).
    pub fn crypt_metadata(
        &self,
        _identifier: &RollingProximityIdentifier,
        _metadata: AssociatedMetadata,
    ) -> AssociatedMetadata {
        todo!()
    }
}
