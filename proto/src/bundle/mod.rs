//! Bundles: signed zips that phones download.
//!
//! A bundle's bytes are a pure function of its header, its entries in bundle order, and its signatures. [`Writer`] makes them with flat memory,
//! [`Bundle`] reads them with limits, and [`Bundle::canonical`] says whether bytes are exactly what the writer would have made.

mod entry;
mod reader;
mod signature;
mod writer;

pub use entry::{Entry, GaenEntry, TcnClass, TcnEntry};
pub use reader::{Bundle, Entries, Limits};
pub use signature::{BundleKey, BundleSigner, ExportDigest, NotSigned, Signature, SigningKeyId};
pub use writer::{Header, Summary, Unsigned, Writer};

/// The version of the container that [`Writer`] makes; frozen in each bundle's row and in the manifest.
pub const FORMAT: u32 = 1;
/// The customary maximum of keys in a GAEN bundle.
pub const MAX_KEYS: usize = 500_000;
/// The maximum of reports in a TCN bundle until phones are measured.
pub const MAX_REPORTS: usize = 500;
