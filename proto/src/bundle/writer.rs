//! Writing a bundle with flat memory: entries stream through encoder, digest and compressor into a seekable output.

use std::collections::BTreeSet;
use std::io::{self, Seek, Write};
use std::marker::PhantomData;

use sha2::{Digest, Sha256};

use crate::bundle::pack::{Pack, PackFile};
use crate::bundle::signature::check_form;
use crate::bundle::unpack::NAMES;
use crate::bundle::{Entry, ExportDigest, Header, Signature, SigningKeyId};
use crate::bundle::{export_sig, wire};
use crate::error::Malformed;
use crate::feed::Kind;

/// The fields of `export.bin` that follow the header's, in both kinds; the last one in TCN alone.
pub(super) const ENTRIES: u32 = 7;
pub(super) const REVISED: u32 = 8;
pub(super) const SCHEMA: u32 = 9;
/// The version of a TCN export's message.
pub(super) const TCN_SCHEMA: u32 = 1;
/// Entries are gathered to at least this many bytes before they are compressed, so that the compressor sees the same pieces each time.
const PIECE: usize = 64 * 1024;

/// A bundle being written. Entries must come in bundle order: ordinary ones first, then revised ones.
pub struct Writer<E: Entry, W: Write + Seek> {
    file: PackFile<W>,
    hash: Sha256,
    piece: Vec<u8>,
    order: Order,
    /// Digests of withdrawn reports, 32 bytes each: they stand in the order of the digests, not of the reports behind them.
    withdrawn: BTreeSet<[u8; 32]>,
    signing: Vec<SigningKeyId>,
    entries: u64,
    revised: u64,
    entry: PhantomData<fn(&E)>,
}

impl<E: Entry, W: Write + Seek> Writer<E, W> {
    /// Begins a bundle where `out` stands.
    ///
    /// # Errors
    /// Those of `out`; `InvalidInput` for a header that no phone would take.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        let piece = header.encode(E::KIND).map_err(invalid)?;
        Ok(Self {
            file: Pack::new(out)?.begin(NAMES[0])?,
            hash: Sha256::new(),
            piece,
            order: Order::default(),
            withdrawn: BTreeSet::new(),
            signing: header.signing.clone(),
            entries: 0,
            revised: 0,
            entry: PhantomData,
        })
    }

    /// Appends an ordinary entry.
    ///
    /// # Errors
    /// Those of the output; `InvalidInput` for an entry out of order or given twice.
    pub fn push(&mut self, entry: &E) -> io::Result<()> {
        if self.revised > 0 {
            return Err(invalid(Malformed::new("entries", "must come before revised ones")));
        }
        self.append(entry, ENTRIES)?;
        self.entries += 1;
        Ok(())
    }

    /// Appends a revised entry (TCN: a withdrawn report, of which the SHA-256 is written).
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    pub fn push_revised(&mut self, entry: &E) -> io::Result<()> {
        if let Some(digest) = entry.withdrawal() {
            return self.withdraw(digest);
        }
        if self.revised == 0 {
            self.order = Order::default();
        }
        self.append(entry, REVISED)?;
        self.revised += 1;
        Ok(())
    }

    /// Notes the digest of a withdrawn entry.
    pub(super) fn withdraw(&mut self, digest: [u8; 32]) -> io::Result<()> {
        if !self.withdrawn.insert(digest) {
            return Err(invalid(Malformed::new("withdrawn", "must be given once each")));
        }
        self.revised += 1;
        Ok(())
    }

    /// Ends `export.bin`: what remains is to sign.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(mut self) -> io::Result<Unsigned<W>> {
        for digest in &self.withdrawn {
            wire::put_bytes(&mut self.piece, REVISED, digest);
        }
        if E::KIND == Kind::Tcn {
            wire::put_number(&mut self.piece, SCHEMA, TCN_SCHEMA.into());
        }
        self.compress()?;
        let digest = ExportDigest(self.hash.finalize().into());
        let (pack, export_bytes) = self.file.end()?;
        let summary = Summary { entries: self.entries, revised: self.revised, export_bytes, zip_bytes: 0, digest };
        Ok(Unsigned { pack, kind: E::KIND, signing: self.signing, summary })
    }

    fn append(&mut self, entry: &E, field: u32) -> io::Result<()> {
        self.order.follow(entry.class(), entry.order_bytes()).map_err(invalid)?;
        entry.encode(field, &mut self.piece).map_err(invalid)?;
        if self.piece.len() >= PIECE {
            self.compress()?;
        }
        Ok(())
    }

    fn compress(&mut self) -> io::Result<()> {
        self.hash.update(&self.piece);
        self.file.write(&self.piece)?;
        self.piece.clear();
        Ok(())
    }
}

/// Where the entry before stood.
#[derive(Default)]
struct Order {
    last: Option<i64>,
    bytes: Vec<u8>,
}

impl Order {
    /// Takes an entry's place, which must come after the last one.
    fn follow(&mut self, class: i64, bytes: &[u8]) -> Result<(), Malformed> {
        if self.last.is_some_and(|last| (class, bytes) <= (last, self.bytes.as_slice())) {
            return Err(Malformed::new("entries", "must be in bundle order, each once"));
        }
        self.last = Some(class);
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// A bundle that lacks only its signatures.
pub struct Unsigned<W: Write + Seek> {
    pack: Pack<W>,
    kind: Kind,
    signing: Vec<SigningKeyId>,
    summary: Summary,
}

impl<W: Write + Seek> Unsigned<W> {
    /// What is to be signed.
    pub const fn digest(&self) -> ExportDigest {
        self.summary.digest
    }

    /// Writes `export.sig` and closes the zip. The output is positioned at its end and not synced to disk.
    ///
    /// # Errors
    /// Those of the output; `InvalidInput` unless the signatures are of the header's keys, in its order.
    pub fn finish(self, signatures: &[Signature]) -> io::Result<(W, Summary)> {
        if !signatures.iter().map(|signature| &signature.key).eq(&self.signing) {
            return Err(invalid(Malformed::new("signatures", "must be those of the header's keys, in its order")));
        }
        for signature in signatures {
            check_form(self.kind, &signature.bytes).map_err(invalid)?;
        }
        let mut file = self.pack.begin(NAMES[1])?;
        file.write(&export_sig::encode(self.kind, signatures))?;
        let (pack, _) = file.end()?;
        let (out, zip_bytes) = pack.finish()?;
        Ok((out, Summary { zip_bytes, ..self.summary }))
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Ordinary entries.
    pub entries: u64,
    /// Revised entries.
    pub revised: u64,
    /// The length of `export.bin` in bytes.
    pub export_bytes: u64,
    /// The length of the zip in bytes.
    pub zip_bytes: u64,
    /// SHA-256 of `export.bin`.
    pub digest: ExportDigest,
}

/// What was given is wrong, not the output: the [`Malformed`] travels inside.
fn invalid(malformed: Malformed) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, malformed)
}
