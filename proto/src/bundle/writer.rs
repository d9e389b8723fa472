//! Writing a bundle with flat memory: entries stream through encoder, digest and compressor into a seekable output.

use std::io::{self, Seek, Write};
use std::marker::PhantomData;

use crate::bundle::{Entry, ExportDigest, Signature, SigningKeyId};
use crate::feed::Region;
use crate::interval::Timestamp;

/// What stands in `export.bin` before the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The region of the feed.
    pub region: Region,
    /// `start_timestamp`: the end of the bundle before.
    pub start: Timestamp,
    /// `end_timestamp`: later than `start`.
    pub end: Timestamp,
    /// Who will sign: one entry a signature, the active key first, at most 10.
    pub signing: Vec<SigningKeyId>,
}

/// A bundle being written. Entries must come in bundle order: ordinary ones first, then revised ones.
pub struct Writer<E: Entry, W: Write + Seek> {
    _out: W,
    _entry: PhantomData<E>,
}

impl<E: Entry, W: Write + Seek> Writer<E, W> {
    /// Begins a bundle.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(_out: W, _header: &Header) -> io::Result<Self> {
        todo!()
    }

    /// Appends an ordinary entry.
    ///
    /// # Errors
    /// Those of the output; `InvalidInput` for an entry out of order or given twice.
    pub fn push(&mut self, _entry: &E) -> io::Result<()> {
        todo!()
    }

    /// Appends a revised entry (TCN: a withdrawn report, of which the SHA-256 is written).
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    pub fn push_revised(&mut self, _entry: &E) -> io::Result<()> {
        todo!()
    }

    /// Ends `export.bin`: what remains is to sign.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(self) -> io::Result<Unsigned<W>> {
        todo!()
    }
}

/// A bundle that lacks only its signatures.
pub struct Unsigned<W: Write + Seek> {
    _out: W,
    digest: ExportDigest,
}

impl<W: Write + Seek> Unsigned<W> {
    /// What is to be signed.
    pub const fn digest(&self) -> ExportDigest {
        self.digest
    }

    /// Writes `export.sig` and closes the zip. The output is positioned at its end and not flushed to disk.
    ///
    /// # Errors
    /// Those of the output; `InvalidInput` unless the signatures are of the header's keys, in its order.
    pub fn finish(self, _signatures: &[Signature]) -> io::Result<(W, Summary)> {
        todo!()
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
