//! From a report authorization key to the numbers that a phone broadcasts.

use sha2::{Digest, Sha256};

/// Domain separators of TCN v0.4: five raw ASCII bytes.
const H_TCK: &[u8; 5] = b"H_TCK";
const H_TCN: &[u8; 5] = b"H_TCN";

/// A report authorization key (`rak`): the Ed25519 seed from which all of a phone's numbers follow until it is rotated.
pub struct ReportAuthorizationKey(ed25519_dalek::SigningKey);

impl ReportAuthorizationKey {
    /// The key with this seed; draw the 32 bytes from a CSPRNG.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// The report verification key (`rvk`).
    pub fn verification_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// `tck_0`, which has no number of its own.
    pub fn initial_contact_key(&self) -> TemporaryContactKey {
        let bytes = Sha256::new_with_prefix(H_TCK).chain_update(self.0.as_bytes()).finalize();
        TemporaryContactKey::from_parts(0, self.verification_key(), bytes.into())
    }

    /// The Ed25519 key that signs reports.
    pub(crate) fn signing_key(&self) -> &ed25519_dalek::SigningKey {
        &self.0
    }
}

/// A temporary contact key (`tck_i`), which gives number `i` and the next key.
#[derive(Clone)]
pub struct TemporaryContactKey {
    index: u16,
    verification_key: [u8; 32],
    bytes: [u8; 32],
}

impl TemporaryContactKey {
    /// The key `tck_index` as it stands in a report.
    pub fn from_parts(index: u16, verification_key: [u8; 32], bytes: [u8; 32]) -> Self {
        Self { index, verification_key, bytes }
    }

    /// `i`.
    pub const fn index(&self) -> u16 {
        self.index
    }

    /// The 32 key bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// `tck_{i+1}`, or none after 65,535: the phone must rotate its `rak`.
    #[must_use]
    pub fn ratchet(&self) -> Option<Self> {
        let index = self.index.checked_add(1)?;
        let hash = Sha256::new_with_prefix(H_TCK).chain_update(self.verification_key).chain_update(self.bytes);
        Some(Self { index, verification_key: self.verification_key, bytes: hash.finalize().into() })
    }

    /// `tcn_i`; none for `i` = 0, which is never used.
    pub fn number(&self) -> Option<TemporaryContactNumber> {
        if self.index == 0 {
            return None;
        }
        let hash = Sha256::new_with_prefix(H_TCN).chain_update(self.index.to_le_bytes()).chain_update(self.bytes);
        let [number @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _]: [u8; 32] = hash.finalize().into();
        Some(TemporaryContactNumber(number))
    }
}

/// A temporary contact number (TCN): 16 bytes that a phone broadcasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TemporaryContactNumber(pub [u8; 16]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_0_does_not_exist_and_key_65535_is_the_last() {
        let first = ReportAuthorizationKey::from_seed([7; 32]).initial_contact_key();
        assert_eq!((first.index(), first.number()), (0, None));
        let last = TemporaryContactKey::from_parts(u16::MAX, [1; 32], [2; 32]);
        assert!(last.number().is_some() && last.ratchet().is_none());
    }
}
