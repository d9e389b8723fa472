//! Bundles: the zip, and the two files inside.

use std::io::{Cursor, Write as _};

use proto::Kind;
use proto::bundle::{Bundle, Entries, Entry, GaenEntry, Limits, Skimmed, TcnEntry};
use zip::write::SimpleFileOptions;

use super::reports::assert_plain;
use super::samples;
use crate::fixtures;

/// Small limits: a fuzzer that waits for a million entries finds nothing.
const LIMITS: Limits = Limits { zip_bytes: 1 << 20, export_bytes: 4 << 20, entries: 20_000, expansion: 50 };

/// A bundle: what reads is within the limits, skimming finds the same, and what calls itself canonical is what the writer makes of it.
pub fn bundle(data: &[u8]) {
    let skimmed = Skimmed::read(data, &LIMITS);
    let bundle = match Bundle::read(data, &LIMITS) {
        Ok(bundle) => bundle,
        Err(refusal) => {
            assert!(skimmed.is_err(), "skimming takes what reading refuses");
            return assert_plain(&refusal);
        }
    };
    assert!(entries(&bundle.entries) <= LIMITS.entries);
    let skimmed = skimmed.expect("skimming takes what reading does");
    assert_eq!(skimmed.count + skimmed.revised, entries(&bundle.entries) as u64);
    let of_skimmed = (skimmed.kind, &skimmed.header, &skimmed.signatures, skimmed.digest, skimmed.export_bytes);
    assert_eq!(of_skimmed, (bundle.kind(), &bundle.header, &bundle.signatures, bundle.digest, bundle.export_bytes));
    for kind in Kind::ALL {
        let good = bundle.verify(&fixtures::bundle_signer(kind).public_key()).is_ok();
        assert!(!good || kind == bundle.kind(), "a key of one kind signed a bundle of the other");
    }
    if bundle.canonical(data).is_ok()
        && let Some(again) = write_again(&bundle)
    {
        assert!(again == data, "canonical, but not what the writer makes");
    }
}

/// `export.bin` alone.
pub fn export(data: &[u8]) {
    match Bundle::read_export(data, &LIMITS) {
        Ok((header, content)) => {
            assert!(header.start < header.end);
            assert!((1..=10).contains(&header.signing.len()));
            assert!(entries(&content) <= LIMITS.entries);
        }
        Err(refusal) => assert_plain(&refusal),
    }
}

/// `export.sig` beside a good `export.bin`, in a zip whose checksums are right: behind those no mutation of a zip ever gets.
pub fn signatures(data: &[u8]) {
    bundle(&zip_of(samples::export_bin(Kind::Gaen), data));
}

fn entries(content: &Entries) -> usize {
    match content {
        Entries::Gaen { keys, revised } => keys.len() + revised.len(),
        Entries::Tcn { reports, withdrawn } => reports.len() + withdrawn.len(),
    }
}

fn zip_of(export_bin: &[u8], export_sig: &[u8]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [("export.bin", export_bin), ("export.sig", export_sig)] {
        archive.start_file(name, options).expect("a vector takes all");
        archive.write_all(content).expect("a vector takes all");
    }
    archive.finish().expect("a vector takes all").into_inner()
}

fn write_again(bundle: &Bundle) -> Option<Vec<u8>> {
    match &bundle.entries {
        Entries::Gaen { keys, revised } => Some(write_entries::<GaenEntry>(bundle, keys, revised)),
        Entries::Tcn { reports, withdrawn } if withdrawn.is_empty() => {
            Some(write_entries::<TcnEntry>(bundle, reports, &[]))
        }
        // Of a withdrawn report only the digest is left, from which nobody outside can write it again.
        Entries::Tcn { .. } => None,
    }
}

fn write_entries<E: Entry>(bundle: &Bundle, ordinary: &[E], revised: &[E]) -> Vec<u8> {
    let header = bundle.header.to_ours().expect("canonical, so we could write it");
    samples::write(&header, ordinary, revised, |_| bundle.signatures.clone())
}
