//! Bundles: signed zips that phones download.
//!
//! A bundle's bytes are a pure function of its header, its entries in bundle order, and its signatures. [`Writer`] makes them with flat memory,
//! [`Bundle`] reads them with limits, and [`Bundle::canonical`] says whether bytes are exactly what the writer would have made.
//!
//! Inside, from the middle out: `gaen` and `tcn` are what one entry looks like in `export.bin`, `header` what stands before them,
//! `export_sig` the other file, and `pack` and `unpack` the zip around both.

mod entry;
mod gaen;
mod header;
mod signature;
mod tcn;

mod reader;
mod skim;
mod writer;

mod deflate;
mod export_sig;
mod pack;
mod unpack;
mod wire;

pub use entry::Entry;
pub use gaen::GaenEntry;
pub use header::{Header, ReadHeader};
pub use reader::{Bundle, Entries, Limits};
pub use signature::{BundleKey, BundleSigner, ExportDigest, NotSigned, Signature, SigningKeyId, der_signature};
pub use skim::Skimmed;
pub use tcn::{TcnClass, TcnEntry};
pub use writer::{Summary, Unsigned, Writer};

/// The version of the container that [`Writer`] makes; frozen in each bundle's row and in the manifest.
pub const FORMAT: u32 = 1;
/// The customary maximum of keys in a GAEN bundle.
pub const MAX_KEYS: usize = 500_000;
/// The maximum of reports in a TCN bundle until phones are measured.
pub const MAX_REPORTS: usize = 500;
