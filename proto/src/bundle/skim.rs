//! Reading a bundle as strictly as [`Bundle`](crate::bundle::Bundle) does, without keeping its entries: for whoever only wants to know that a phone
//! would take it.

use sha2::{Digest, Sha256};

use crate::bundle::header::{HeaderFields, NAME_BYTES, split};
use crate::bundle::reader::{Budget, read_digest};
use crate::bundle::unpack::unpack_to;
use crate::bundle::wire::{Field, next_field};
use crate::bundle::writer::{ENTRIES, REVISED, SCHEMA, TCN_SCHEMA};
use crate::bundle::{
    BundleKey, ExportDigest, GaenEntry, Limits, NotSigned, ReadHeader, Signature, TcnEntry, export_sig,
};
use crate::error::Malformed;
use crate::feed::Kind;

/// What a bundle says of itself. Its signatures are not checked until [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skimmed {
    /// Which kind it is.
    pub kind: Kind,
    /// Region, times and key ids.
    pub header: ReadHeader,
    /// How many ordinary entries it has.
    pub count: u64,
    /// How many revised ones.
    pub revised: u64,
    /// `export.sig`.
    pub signatures: Vec<Signature>,
    /// SHA-256 of `export.bin`.
    pub digest: ExportDigest,
    /// The length of `export.bin` in bytes.
    pub export_bytes: u64,
}

impl Skimmed {
    /// Reads a zip under the rules of [`Bundle::read`](crate::bundle::Bundle::read), in memory that does not grow with the number of entries.
    ///
    /// # Errors
    /// The first field that the strictest phone would refuse.
    pub fn read(zip: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let mut skim = Skim::new(limits);
        let signatures = unpack_to(zip, limits, &mut |piece| skim.take(piece))?;
        let mut skimmed = skim.finish()?;
        skimmed.signatures = export_sig::decode(skimmed.kind, &signatures)?;
        if skimmed.signatures.len() != skimmed.header.signing.len() {
            return Err(Malformed::new("export.sig", "must hold one signature for each of signature_infos"));
        }
        Ok(skimmed)
    }

    /// Checks that the first signature verifies under `key`, as iOS does.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn verify(&self, key: &BundleKey) -> Result<(), NotSigned> {
        let first = self.signatures.first().filter(|_| key.kind() == self.kind).ok_or(NotSigned)?;
        key.verify(&self.digest, &first.bytes)
    }
}

/// An `export.bin` that is being read.
struct Skim {
    hash: Sha256,
    bytes: u64,
    /// Known once its first bytes are there.
    kind: Option<Kind>,
    /// A field whose end has not come yet. A malformed one looks the same until the file ends.
    rest: Vec<u8>,
    header: HeaderFields,
    budget: Budget,
    count: u64,
    revised: u64,
    schema: i32,
}

impl Skim {
    fn new(limits: &Limits) -> Self {
        Self {
            hash: Sha256::new(),
            bytes: 0,
            kind: None,
            rest: Vec::new(),
            header: HeaderFields::default(),
            budget: Budget::of(limits),
            count: 0,
            revised: 0,
            schema: 0,
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Malformed> {
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        let mut held = std::mem::take(&mut self.rest);
        held.extend_from_slice(piece);
        let mut rest = held.as_slice();
        if self.kind.is_none() && rest.len() >= NAME_BYTES {
            let (kind, message) = split(rest)?;
            (self.kind, rest) = (Some(kind), message);
        }
        if let Some(kind) = self.kind {
            while !rest.is_empty() {
                let mut after = rest;
                let Some(field) = next_field(&mut after) else { break };
                self.field(kind, &field)?;
                rest = after;
            }
        }
        let used = held.len() - rest.len();
        held.drain(..used);
        self.rest = held;
        Ok(())
    }

    fn field(&mut self, kind: Kind, field: &Field<'_>) -> Result<(), Malformed> {
        match (field.number, kind) {
            (ENTRIES, Kind::Gaen) => GaenEntry::decode(self.budget.spend(field.bytes("keys")?)?).map(drop)?,
            (REVISED, Kind::Gaen) => GaenEntry::decode(self.budget.spend(field.bytes("revised_keys")?)?).map(drop)?,
            (ENTRIES, Kind::Tcn) => TcnEntry::decode(self.budget.spend(field.bytes("reports")?)?).map(drop)?,
            (REVISED, Kind::Tcn) => read_digest(self.budget.spend(field.bytes("withdrawn")?)?).map(drop)?,
            (SCHEMA, Kind::Tcn) => self.schema = field.int32("schema")?,
            _ => self.header.take(field)?,
        }
        self.count += u64::from(field.number == ENTRIES);
        self.revised += u64::from(field.number == REVISED);
        Ok(())
    }

    fn finish(self) -> Result<Skimmed, Malformed> {
        let Some(kind) = self.kind else { return Err(split(&self.rest).err().unwrap_or_else(unfinished)) };
        if !self.rest.is_empty() {
            return Err(unfinished());
        }
        if kind == Kind::Tcn && u32::try_from(self.schema) != Ok(TCN_SCHEMA) {
            return Err(Malformed::new("schema", "must be 1"));
        }
        Ok(Skimmed {
            kind,
            header: self.header.finish(kind)?,
            count: self.count,
            revised: self.revised,
            signatures: Vec::new(),
            digest: ExportDigest(self.hash.finalize().into()),
            export_bytes: self.bytes,
        })
    }
}

fn unfinished() -> Malformed {
    Malformed::new("export.bin", "is no well-formed message")
}
