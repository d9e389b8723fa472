//! What a phone broadcasts: rolling proximity identifiers and associated encrypted metadata (GAEN cryptography v1.2).

use aes::Aes128Enc;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

use super::derivation;
use super::key::TemporaryExposureKey;
use crate::interval::INTERVALS_PER_DAY;

/// A rolling proximity identifier (RPI): 16 bytes, broadcast for ten minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RollingProximityIdentifier(pub [u8; 16]);

/// Four bytes of metadata, in clear or encrypted (AEM).
pub type AssociatedMetadata = [u8; 4];

/// The most identifiers that a key has.
const MOST: usize = INTERVALS_PER_DAY as usize;

impl TemporaryExposureKey {
    /// All identifiers of the key in order, one an interval from `rolling_start` on.
    pub fn identifiers(&self) -> impl Iterator<Item = RollingProximityIdentifier> + use<> {
        let count = usize::from(self.rolling_period());
        let cipher = Aes128Enc::new(&derivation::identifier_key(self.data()).into());
        // All blocks in one call: the cipher then works on as many at a time as the processor can.
        let mut blocks = [[0; 16]; MOST];
        let first = self.rolling_start().number();
        for (offset, block) in (0..).zip(&mut blocks[..count]) {
            // PaddedData: "EN-RPI", six zero bytes, the interval number in little-endian order.
            block[..6].copy_from_slice(b"EN-RPI");
            block[12..].copy_from_slice(&first.wrapping_add(offset).to_le_bytes());
        }
        cipher.encrypt_blocks(Array::cast_slice_from_core_mut(&mut blocks[..count]));
        blocks.into_iter().take(count).map(RollingProximityIdentifier)
    }

    /// Encrypts, or decrypts, the metadata that travels with `identifier` (AES-CTR is its own inverse).
    pub fn crypt_metadata(
        &self,
        identifier: &RollingProximityIdentifier,
        mut metadata: AssociatedMetadata,
    ) -> AssociatedMetadata {
        let cipher = Aes128Enc::new(&derivation::metadata_key(self.data()).into());
        // Four bytes need only the first block of the key stream: the encrypted counter, which begins at the identifier.
        let mut stream = identifier.0.into();
        cipher.encrypt_block(&mut stream);
        for (byte, key) in metadata.iter_mut().zip(stream) {
            *byte ^= key;
        }
        metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_as_many_identifiers_as_its_period() {
        let identifiers = |period| {
            let key = TemporaryExposureKey::new(&[1; 16], 2_642_976, period).expect("valid");
            key.identifiers().collect::<Vec<_>>()
        };
        let day = identifiers(144);
        assert_eq!(day.len(), 144);
        for period in 1..=144 {
            assert_eq!(identifiers(period), day[..period as usize]);
        }
    }

    #[test]
    fn metadata_is_decrypted_by_encrypting_it_again() {
        let key = TemporaryExposureKey::new(&[1; 16], 2_642_976, 144).expect("valid");
        let clear = [0x40, 0x08, 0, 0];
        for identifier in key.identifiers() {
            let encrypted = key.crypt_metadata(&identifier, clear);
            assert_ne!(encrypted, clear);
            assert_eq!(key.crypt_metadata(&identifier, encrypted), clear);
        }
    }
}
