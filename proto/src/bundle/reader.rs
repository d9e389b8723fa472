//! Reading a bundle strictly, with limits.

use crate::bundle::{BundleKey, ExportDigest, GaenEntry, Header, NotSigned, Signature, TcnEntry};
use crate::error::Malformed;
use crate::feed::Kind;

/// How much a reader is willing to read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the zip: phones stop at 16 MB.
    pub zip_bytes: u64,
    /// Bytes of `export.bin`.
    pub export_bytes: u64,
    /// Entries, ordinary and revised together: phones stop at 750,000.
    pub entries: usize,
    /// `export.bin` may be at most this many times the size of its compressed form.
    pub expansion: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { zip_bytes: 16_000_000, export_bytes: 64_000_000, entries: 750_000, expansion: 50 }
    }
}

/// A bundle's entries by kind.
#[derive(Debug, Clone)]
pub enum Entries {
    /// Keys, and revised keys.
    Gaen {
        /// Field 7.
        keys: Vec<GaenEntry>,
        /// Field 8.
        revised: Vec<GaenEntry>,
    },
    /// Reports, and the SHA-256 of withdrawn ones.
    Tcn {
        /// Field 7.
        reports: Vec<TcnEntry>,
        /// Field 8.
        withdrawn: Vec<[u8; 32]>,
    },
}

/// A bundle that the strictest phone could read. Its signatures are not checked until [`verify`](Self::verify).
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Region, times and key ids.
    pub header: Header,
    /// What it carries.
    pub entries: Entries,
    /// `export.sig`.
    pub signatures: Vec<Signature>,
    /// SHA-256 of `export.bin`.
    pub digest: ExportDigest,
}

impl Bundle {
    /// Reads a zip: exactly two entries, no data descriptor on a stored one, both CRCs, every rule of the export format.
    ///
    /// # Errors
    /// The first field that the strictest phone would refuse.
    pub fn read(_zip: &[u8], _limits: &Limits) -> Result<Self, Malformed> {
        todo!()
    }

    /// Reads `export.bin` alone: header, timestamps and entries.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_export(_export: &[u8], _limits: &Limits) -> Result<(Header, Entries), Malformed> {
        todo!()
    }

    /// Which kind it is.
    pub const fn kind(&self) -> Kind {
        match self.entries {
            Entries::Gaen { .. } => Kind::Gaen,
            Entries::Tcn { .. } => Kind::Tcn,
        }
    }

    /// Checks that the first signature verifies under `key`, as iOS does.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn verify(&self, _key: &BundleKey) -> Result<(), NotSigned> {
        todo!()
    }

    /// Whether `zip`, from which this bundle was read, is byte for byte what [`Writer`](crate::bundle::Writer) makes of this content.
    ///
    /// # Errors
    /// What differs first: an entry out of order, an unknown field, or the container's bytes.
    pub fn canonical(&self, _zip: &[u8]) -> Result<(), Malformed> {
        todo!()
    }
}
