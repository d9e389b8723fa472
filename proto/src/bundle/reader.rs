//! Reading a bundle strictly, with limits.

use std::io::{self, Cursor};

use crate::bundle::header::{HeaderFields, split};
use crate::bundle::unpack::unpack;
use crate::bundle::writer::TCN_SCHEMA;
use crate::bundle::{BundleKey, Entry, ExportDigest, GaenEntry, Header, NotSigned, Signature, TcnEntry, Writer};
use crate::bundle::{export_sig, wire};
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub fn read(zip: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let files = unpack(zip, limits)?;
        let (header, entries) = Self::read_export(&files.export, limits)?;
        let signatures = export_sig::decode(entries.kind(), &files.signatures)?;
        if signatures.len() != header.signing.len() {
            return Err(Malformed::new("export.sig", "must hold one signature for each of signature_infos"));
        }
        Ok(Self { header, entries, signatures, digest: ExportDigest::of(&files.export) })
    }

    /// Reads `export.bin` alone: header, timestamps and entries.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_export(export: &[u8], limits: &Limits) -> Result<(Header, Entries), Malformed> {
        if export.len() as u64 > limits.export_bytes {
            return Err(Malformed::new("export.bin", "must not be larger than the limit"));
        }
        let (kind, message) = split(export)?;
        match kind {
            Kind::Gaen => read_gaen(message, limits),
            Kind::Tcn => read_tcn(message, limits),
        }
    }

    /// Which kind it is.
    pub const fn kind(&self) -> Kind {
        self.entries.kind()
    }

    /// Checks that the first signature verifies under `key`, as iOS does.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn verify(&self, key: &BundleKey) -> Result<(), NotSigned> {
        let first = self.signatures.first().filter(|_| key.kind() == self.kind()).ok_or(NotSigned)?;
        key.verify(&self.digest, &first.bytes)
    }

    /// Whether `zip`, from which this bundle was read, is byte for byte what [`Writer`] makes of this content.
    ///
    /// # Errors
    /// What differs first: an entry out of order, an unknown field, or the container's bytes.
    pub fn canonical(&self, zip: &[u8]) -> Result<(), Malformed> {
        let (ours, digest) = self.rewrite().map_err(|error| {
            // The output is memory, so what fails is the content.
            let malformed = error.get_ref().and_then(|inner| inner.downcast_ref::<Malformed>());
            malformed.cloned().unwrap_or_else(|| Malformed::new("zip", "is larger than a bundle can be"))
        })?;
        if digest != self.digest {
            return Err(Malformed::new("export.bin", "has a field that ours has not, or another encoding of the same"));
        }
        if ours != zip {
            return Err(Malformed::new("zip", "is packed otherwise than ours"));
        }
        Ok(())
    }

    /// Writes the same content again.
    fn rewrite(&self) -> io::Result<(Vec<u8>, ExportDigest)> {
        match &self.entries {
            Entries::Gaen { keys, revised } => {
                let mut writer = self.writer(keys)?;
                revised.iter().try_for_each(|key| writer.push_revised(key))?;
                self.finish(writer)
            }
            Entries::Tcn { reports, withdrawn } => {
                let mut writer = self.writer(reports)?;
                withdrawn.iter().try_for_each(|digest| writer.withdraw(*digest))?;
                self.finish(writer)
            }
        }
    }

    fn writer<E: Entry>(&self, entries: &[E]) -> io::Result<Writer<E, Cursor<Vec<u8>>>> {
        let mut writer = Writer::new(Cursor::new(Vec::new()), &self.header)?;
        entries.iter().try_for_each(|entry| writer.push(entry))?;
        Ok(writer)
    }

    fn finish<E: Entry>(&self, writer: Writer<E, Cursor<Vec<u8>>>) -> io::Result<(Vec<u8>, ExportDigest)> {
        let (out, summary) = writer.end()?.finish(&self.signatures)?;
        Ok((out.into_inner(), summary.digest))
    }
}

impl Entries {
    /// Which kind they are.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Gaen { .. } => Kind::Gaen,
            Self::Tcn { .. } => Kind::Tcn,
        }
    }
}

fn read_gaen(message: &[u8], limits: &Limits) -> Result<(Header, Entries), Malformed> {
    let (mut header, mut budget) = (HeaderFields::default(), Budget(limits.entries));
    let (mut keys, mut revised) = (Vec::new(), Vec::new());
    for field in wire::fields(message) {
        let field = field?;
        match field.number {
            7 => keys.push(GaenEntry::decode(budget.spend(field.bytes("keys")?)?)?),
            8 => revised.push(GaenEntry::decode(budget.spend(field.bytes("revised_keys")?)?)?),
            _ => header.take(&field)?,
        }
    }
    Ok((header.finish(Kind::Gaen)?, Entries::Gaen { keys, revised }))
}

fn read_tcn(message: &[u8], limits: &Limits) -> Result<(Header, Entries), Malformed> {
    let (mut header, mut budget) = (HeaderFields::default(), Budget(limits.entries));
    let (mut reports, mut withdrawn, mut schema) = (Vec::new(), Vec::new(), 0);
    for field in wire::fields(message) {
        let field = field?;
        match field.number {
            7 => reports.push(TcnEntry::decode(budget.spend(field.bytes("reports")?)?)?),
            8 => withdrawn.push(read_digest(budget.spend(field.bytes("withdrawn")?)?)?),
            9 => schema = field.int32("schema")?,
            _ => header.take(&field)?,
        }
    }
    if u32::try_from(schema) != Ok(TCN_SCHEMA) {
        return Err(Malformed::new("schema", "must be 1"));
    }
    Ok((header.finish(Kind::Tcn)?, Entries::Tcn { reports, withdrawn }))
}

fn read_digest(bytes: &[u8]) -> Result<[u8; 32], Malformed> {
    bytes.try_into().map_err(|_| Malformed::new("withdrawn", "must be 32 bytes each"))
}

/// How many more entries are read. Counted before an entry is looked at, so that none is kept that should not be.
struct Budget(usize);

impl Budget {
    fn spend<'a>(&mut self, entry: &'a [u8]) -> Result<&'a [u8], Malformed> {
        self.0 = self
            .0
            .checked_sub(1)
            .ok_or_else(|| Malformed::new("export.bin", "must not hold more entries than the limit"))?;
        Ok(entry)
    }
}
