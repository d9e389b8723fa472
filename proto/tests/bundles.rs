//! Whole bundles: what is written is read, the same content is the same bytes, and any other byte is noticed.

#[path = "../benches/generator.rs"]
mod generator;

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use proptest::prelude::*;
use proto::bundle::*;
use proto::gaen::TemporaryExposureKey;
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};
use proto::{Kind, ReportType, Timestamp};
use sha2::{Digest, Sha256};

fn key_id(version: &str) -> SigningKeyId {
    SigningKeyId::new("310", version).expect("valid")
}

fn header() -> Header {
    Header {
        region: "NO".parse().expect("valid"),
        start: Timestamp::from_unix(1_605_830_400),
        end: Timestamp::from_unix(1_605_844_800),
        signing: vec![key_id("v1")],
    }
}

fn signer(kind: Kind) -> BundleSigner {
    match kind {
        Kind::Gaen => BundleSigner::Gaen(p256::ecdsa::SigningKey::from_slice(&[5; 32]).expect("a scalar")),
        Kind::Tcn => BundleSigner::Tcn(ed25519_dalek::SigningKey::from_bytes(&[5; 32])),
    }
}

fn sort<E: Entry>(entries: &mut [E]) {
    entries.sort_by(|a, b| (a.class(), a.order_bytes()).cmp(&(b.class(), b.order_bytes())));
}

/// The first keys of the measured sequence, in bundle order.
fn sorted_keys(count: usize) -> Vec<GaenEntry> {
    let mut keys: Vec<GaenEntry> = generator::keys().take(count).collect();
    sort(&mut keys);
    keys
}

/// Writes a bundle with one signature for each of the header's keys.
fn write_into<E: Entry, W: Write + Seek>(out: W, header: &Header, entries: &[E], revised: &[E]) -> (W, Summary) {
    let mut writer = Writer::new(out, header).expect("a good header");
    entries.iter().for_each(|entry| writer.push(entry).expect("in order"));
    revised.iter().for_each(|entry| writer.push_revised(entry).expect("in order"));
    let unsigned = writer.end().expect("memory does not fail");
    let bytes = signer(E::KIND).sign(&unsigned.digest());
    let signatures: Vec<Signature> =
        header.signing.iter().map(|key| Signature { key: key.clone(), bytes: bytes.clone() }).collect();
    unsigned.finish(&signatures).expect("signed as announced")
}

fn write<E: Entry>(header: &Header, entries: &[E], revised: &[E]) -> Vec<u8> {
    write_into(Cursor::new(Vec::new()), header, entries, revised).0.into_inner()
}

fn read(zip: &[u8]) -> Bundle {
    Bundle::read(zip, &Limits::default()).expect("a phone would read it")
}

fn gaen_entry() -> impl Strategy<Value = GaenEntry> {
    let key = (any::<[u8; 16]>(), 2_600_000..2_700_000_i64, 1..=144_i64);
    (key, 0..=8_u8, prop::sample::select(ReportType::ALL.to_vec()), -14..=14_i8).prop_map(|(key, risk, kind, days)| {
        GaenEntry {
            key: TemporaryExposureKey::new(&key.0, key.1, key.2).expect("in range"),
            transmission_risk: risk,
            report_type: Some(kind),
            days_since_onset: Some(days),
        }
    })
}

fn report(seed: [u8; 32], memo: &[u8], first: u16, last: u16) -> SignedReport {
    let memo = Memo::new(MemoType::CovidWatchV1, memo).expect("short");
    SignedReport::create(&ReportAuthorizationKey::from_seed(seed), &memo, first, last).expect("in range")
}

fn tcn_entry() -> impl Strategy<Value = TcnEntry> {
    let memo = prop::collection::vec(any::<u8>(), 0..4);
    let span = (1..1_000_u16, 0..1_345_u16);
    let class = prop_oneof![Just(TcnClass::Verified), Just(TcnClass::SelfReported)];
    (any::<[u8; 32]>(), memo, span, prop::sample::select(ReportType::ALL.to_vec()), class).prop_map(
        |(seed, memo, (first, more), report_type, class)| TcnEntry {
            report: report(seed, &memo, first, first + more),
            report_type,
            class,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn keys_that_are_written_are_read(
        mut keys in prop::collection::vec(gaen_entry(), 0..60),
        mut revised in prop::collection::vec(gaen_entry(), 0..6),
    ) {
        sort(&mut keys);
        sort(&mut revised);
        let (out, summary) = write_into(Cursor::new(Vec::new()), &header(), &keys, &revised);
        let zip = out.into_inner();
        prop_assert_eq!((summary.entries, summary.revised), (keys.len() as u64, revised.len() as u64));
        prop_assert_eq!(summary.zip_bytes, zip.len() as u64);
        let bundle = read(&zip);
        prop_assert_eq!(bundle.header.to_ours(), Ok(header()));
        prop_assert_eq!(bundle.digest, summary.digest);
        prop_assert_eq!(&bundle.entries, &Entries::Gaen { keys, revised });
        prop_assert_eq!(bundle.verify(&signer(Kind::Gaen).public_key()), Ok(()));
        prop_assert_eq!(bundle.canonical(&zip), Ok(()));
    }

    #[test]
    fn reports_that_are_written_are_read(
        mut reports in prop::collection::vec(tcn_entry(), 0..8),
        mut revised in prop::collection::vec(tcn_entry(), 0..4),
    ) {
        sort(&mut reports);
        sort(&mut revised);
        let zip = write(&header(), &reports, &revised);
        let bundle = read(&zip);
        let mut withdrawn: Vec<[u8; 32]> = revised.iter().filter_map(TcnEntry::withdrawal).collect();
        withdrawn.sort_unstable();
        prop_assert_eq!(&bundle.entries, &Entries::Tcn { reports, withdrawn });
        prop_assert_eq!(bundle.verify(&signer(Kind::Tcn).public_key()), Ok(()));
        prop_assert_eq!(bundle.canonical(&zip), Ok(()));
    }

    #[test]
    fn the_same_content_gives_the_same_bytes(mut keys in prop::collection::vec(gaen_entry(), 0..60), lead in 0..100_usize) {
        sort(&mut keys);
        let zip = write(&header(), &keys, &[]);
        prop_assert_eq!(&zip, &write(&header(), &keys, &[]));
        // Also where the output begins elsewhere.
        let mut out = Cursor::new(vec![7; lead]);
        out.seek(SeekFrom::End(0)).expect("memory");
        let (out, summary) = write_into(out, &header(), &keys, &[]);
        prop_assert_eq!(&zip[..], &out.get_ref()[lead..]);
        prop_assert_eq!(summary.zip_bytes, zip.len() as u64);
        prop_assert_eq!(out.position(), (lead + zip.len()) as u64);
    }

    #[test]
    fn a_damaged_bundle_never_panics_and_is_never_canonical(
        place in any::<prop::sample::Index>(),
        length in 0..20_usize,
        noise in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let zip = small_gaen();
        let from = place.index(zip.len());
        let to = (from + length).min(zip.len());
        let damaged = [&zip[..from], &noise, &zip[to..]].concat();
        if damaged != zip {
            prop_assert!(verdict(&damaged).is_err());
        }
        let _ = Bundle::read_export(&damaged, &Limits::default());
    }

    #[test]
    fn damaged_contents_never_panic(place in any::<prop::sample::Index>(), noise in prop::collection::vec(any::<u8>(), 0..20), tcn: bool) {
        let mut export = unzip(&if tcn { small_tcn() } else { small_gaen() }, "export.bin");
        let from = place.index(export.len());
        export.splice(from..(from + noise.len() / 2).min(export.len()), noise);
        let _ = Bundle::read_export(&export, &Limits::default());
    }
}

/// Both verdicts at once, without a key.
fn verdict(zip: &[u8]) -> Result<(), proto::Malformed> {
    Bundle::read(zip, &Limits::default())?.canonical(zip)
}

fn small_gaen() -> Vec<u8> {
    let keys = sorted_keys(3);
    let header = Header { signing: vec![key_id("v1"), key_id("v2")], ..header() };
    write(&header, &keys[..2], &keys[2..])
}

fn small_tcn() -> Vec<u8> {
    let entry = |seed, memo: &[u8]| TcnEntry {
        report: report([seed; 32], memo, 1, 24),
        report_type: ReportType::Confirmed,
        class: TcnClass::Verified,
    };
    write(&header(), &[entry(1, b""), entry(2, b"x")], &[entry(3, b"")])
}

fn unzip(zip: &[u8], name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).expect("a zip");
    let mut content = Vec::new();
    archive.by_name(name).expect("listed").read_to_end(&mut content).expect("inflates");
    content
}

#[test]
fn a_bundle_is_skimmed_as_it_is_read() {
    // So many that entries lie across the pieces in which they are inflated.
    let keys = sorted_keys(12_000);
    let large = write(&header(), &keys[..10_000], &keys[10_000..]);
    for zip in [large, small_gaen(), small_tcn()] {
        let (bundle, skimmed) = (read(&zip), Skimmed::read(&zip, &Limits::default()).expect("a phone would read it"));
        let counts = match &bundle.entries {
            Entries::Gaen { keys, revised } => (keys.len() as u64, revised.len() as u64),
            Entries::Tcn { reports, withdrawn } => (reports.len() as u64, withdrawn.len() as u64),
        };
        assert_eq!((skimmed.count, skimmed.revised), counts);
        assert_eq!((&skimmed.header, &skimmed.signatures), (&bundle.header, &bundle.signatures));
        assert_eq!((skimmed.digest, skimmed.export_bytes), (bundle.digest, bundle.export_bytes));
        for kind in Kind::ALL {
            let key = signer(kind).public_key();
            assert_eq!(skimmed.verify(&key).is_ok(), bundle.verify(&key).is_ok(), "{kind}");
        }
        let tight = Limits { entries: (counts.0 + counts.1) as usize - 1, ..Limits::default() };
        assert!(Skimmed::read(&zip, &tight).is_err(), "entries are counted");
    }
}

#[test]
fn any_change_of_a_byte_loses_the_canonical_verdict() {
    for zip in [small_gaen(), small_tcn()] {
        assert_eq!(verdict(&zip), Ok(()));
        for position in 0..zip.len() {
            let bits = (0..8).map(|bit| 1 << bit);
            for flip in bits.chain([0xFF, zip[position].max(1)]) {
                let mut changed = zip.clone();
                changed[position] ^= flip;
                assert!(verdict(&changed).is_err(), "byte {position} ^ {flip:#x}");
            }
        }
    }
}

#[test]
fn a_byte_more_or_less_loses_the_canonical_verdict() {
    let zip = small_gaen();
    for position in 0..zip.len() {
        let shorter = [&zip[..position], &zip[position + 1..]].concat();
        assert!(verdict(&shorter).is_err(), "without byte {position}");
        assert!(verdict(&zip[..position]).is_err(), "cut at {position}");
    }
    assert!(verdict(&[&zip[..], &[0]].concat()).is_err());
}

const GAEN_BYTES: usize = 95_660;
const GAEN_SHA256: &str = "296e2b926868656419be6b95560a23c7daf278b2098f113934d242f105b94efb";
const TCN_BYTES: usize = 711;
const TCN_SHA256: &str = "d33b90a707b290aa7a3507e489e07b678ef88eec1d50da9bcc528db01d9a5fbc";

/// If this fails, every bundle that was ever published would be written otherwise today: the compressor must go back to what it was, or
/// `FORMAT` must rise and writers of both formats stay.
#[test]
fn the_bytes_of_format_1_are_these() {
    let keys = sorted_keys(5_000);
    let mut revised = generator::keys().skip(5_000).take(50).collect::<Vec<_>>();
    sort(&mut revised);
    let zip = write(&header(), &keys, &revised);
    assert_eq!((zip.len(), hex::encode(Sha256::digest(&zip))), (GAEN_BYTES, GAEN_SHA256.to_owned()));
    assert_eq!(verdict(&zip), Ok(()));
    let zip = small_tcn();
    assert_eq!((zip.len(), hex::encode(Sha256::digest(&zip))), (TCN_BYTES, TCN_SHA256.to_owned()));
    assert_eq!(FORMAT, 1);
}

#[test]
fn another_zip_reader_finds_two_deflated_files_without_extras() {
    let zip = small_gaen();
    let mut archive = zip::ZipArchive::new(Cursor::new(&zip)).expect("a zip");
    assert_eq!(archive.len(), 2);
    for (index, name) in ["export.bin", "export.sig"].into_iter().enumerate() {
        let mut file = archive.by_index(index).expect("listed");
        assert_eq!(file.name().expect("UTF-8"), name);
        assert_eq!(file.compression(), zip::CompressionMethod::Deflated);
        assert_eq!(file.last_modified(), Some(zip::DateTime::default()), "1980-01-01");
        assert_eq!((file.extra_data().unwrap_or_default().len(), file.comment()), (0, ""));
        // Reading to the end checks the CRC.
        std::io::copy(&mut file, &mut std::io::sink()).expect("inflates");
    }
    // Phones that stream take names and sizes from the local headers.
    let mut stream = Cursor::new(&zip);
    let mut sizes = Vec::new();
    while let Some(mut file) = zip::read::read_zipfile_from_stream(&mut stream).expect("a local header") {
        sizes.push((file.name().expect("UTF-8").into_owned(), file.size()));
        std::io::copy(&mut file, &mut std::io::sink()).expect("inflates");
    }
    let length = |name| unzip(&zip, name).len() as u64;
    assert_eq!(sizes, ["export.bin", "export.sig"].map(|name| (name.to_owned(), length(name))));
}

#[test]
fn a_signature_covers_the_whole_of_export_bin() {
    use ed25519_dalek::Verifier as _;
    let zip = small_gaen();
    let (export, bundle) = (unzip(&zip, "export.bin"), read(&zip));
    assert!(export.starts_with(b"EK Export v1    "));
    let signature = p256::ecdsa::Signature::from_der(&bundle.signatures[0].bytes).expect("DER");
    let BundleKey::Gaen(key) = signer(Kind::Gaen).public_key() else { panic!("not P-256") };
    key.verify(&export, &signature).expect("ECDSA with SHA-256 over the file");

    let zip = small_tcn();
    let (export, bundle) = (unzip(&zip, "export.bin"), read(&zip));
    let message = [b"TCN Export v1   ".as_slice(), &Sha256::digest(&export)].concat();
    let signature = ed25519_dalek::Signature::from_slice(&bundle.signatures[0].bytes).expect("64 bytes");
    let BundleKey::Tcn(key) = signer(Kind::Tcn).public_key() else { panic!("not Ed25519") };
    key.verify(&message, &signature).expect("Ed25519 over header and digest");
}

#[test]
fn a_bundle_is_verified_by_its_own_key_alone() {
    let bundle = read(&small_gaen());
    let other = p256::ecdsa::SigningKey::from_slice(&[6; 32]).expect("a scalar");
    assert_eq!(bundle.verify(&BundleSigner::Gaen(other).public_key()), Err(NotSigned));
    assert_eq!(bundle.verify(&signer(Kind::Tcn).public_key()), Err(NotSigned));
}

#[test]
fn entries_out_of_order_or_twice_are_refused() {
    let keys = sorted_keys(4);
    let begin = || Writer::<GaenEntry, _>::new(Cursor::new(Vec::new()), &header()).expect("a good header");
    let refused = |result: std::io::Result<()>| {
        assert_eq!(result.expect_err("refused").kind(), std::io::ErrorKind::InvalidInput);
    };
    let mut writer = begin();
    writer.push(&keys[1]).expect("first");
    refused(writer.push(&keys[1]));
    refused(writer.push(&keys[0]));
    writer.push_revised(&keys[0]).expect("revised ones have their own order");
    refused(writer.push_revised(&keys[0]));
    refused(writer.push(&keys[3]));
    refused(begin().push(&GaenEntry { transmission_risk: 9, ..keys[0] }));
    refused(begin().push(&GaenEntry { days_since_onset: Some(15), ..keys[0] }));
}

#[test]
fn a_report_is_withdrawn_once() {
    let entry =
        TcnEntry { report: report([1; 32], b"", 1, 24), report_type: ReportType::Confirmed, class: TcnClass::Verified };
    let mut writer = Writer::new(Cursor::new(Vec::new()), &header()).expect("a good header");
    writer.push_revised(&entry).expect("once");
    assert_eq!(writer.push_revised(&entry).expect_err("twice").kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn a_header_that_no_phone_would_take_is_refused() {
    let at = Timestamp::from_unix;
    let bad = [
        Header { end: header().start, ..header() },
        Header { start: at(-1), ..header() },
        Header { end: at(10_000_000_000), ..header() },
        Header { signing: Vec::new(), ..header() },
        Header { signing: vec![key_id("v1"); 11], ..header() },
        Header { signing: vec![SigningKeyId { id: "no spaces".into(), version: "v1".into() }], ..header() },
    ];
    for header in bad {
        let refused = Writer::<GaenEntry, _>::new(Cursor::new(Vec::new()), &header).err().expect("refused");
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn signatures_must_be_those_that_the_header_announces() {
    let header = Header { signing: vec![key_id("v1"), key_id("v2")], ..header() };
    let good = signer(Kind::Gaen).sign(&ExportDigest([1; 32]));
    let sign = |version: &str, bytes: &[u8]| Signature { key: key_id(version), bytes: bytes.to_vec() };
    let cases = [
        vec![],
        vec![sign("v1", &good)],
        vec![sign("v2", &good), sign("v1", &good)],
        vec![sign("v1", &good), sign("v2", &good), sign("v2", &good)],
        vec![sign("v1", &good), sign("v2", &[1; 64])],
    ];
    for signatures in cases {
        let unsigned =
            Writer::<GaenEntry, _>::new(Cursor::new(Vec::new()), &header).expect("good").end().expect("ends");
        assert_eq!(unsigned.finish(&signatures).expect_err("refused").kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn signatures_that_were_stored_finish_the_same_bundle() {
    let keys = sorted_keys(20);
    let zip = write(&header(), &keys, &[]);
    let stored = read(&zip).signatures;
    let mut writer = Writer::new(Cursor::new(Vec::new()), &header()).expect("a good header");
    keys.iter().for_each(|key| writer.push(key).expect("in order"));
    let (out, _) = writer.end().expect("ends").finish(&stored).expect("as announced");
    assert_eq!(out.into_inner(), zip);
}

/// Packs two files as somebody else would.
fn pack(export: &[u8], signatures: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [("export.bin", export), ("export.sig", signatures)] {
        zip.start_file(name, zip::write::SimpleFileOptions::default().compression_level(Some(9))).expect("begins");
        zip.write_all(content).expect("writes");
    }
    zip.finish().expect("ends").into_inner()
}

#[test]
fn a_sound_bundle_of_others_is_readable_but_not_canonical() {
    let ours = small_gaen();
    let (export, signatures) = (unzip(&ours, "export.bin"), unzip(&ours, "export.sig"));
    let others = pack(&export, &signatures);
    let bundle = read(&others);
    assert_eq!(bundle.verify(&signer(Kind::Gaen).public_key()), Ok(()));
    assert_eq!(bundle.canonical(&others).expect_err("packed by others").field, "zip");

    let unknown_field = pack(&[&export[..], &[0x78, 0x01]].concat(), &signatures);
    assert_eq!(verdict(&unknown_field).expect_err("field 15").field, "export.bin");

    // Each key takes 34 bytes; the last one is a revised one.
    let mut swapped = export[..export.len() - 3 * 34].to_vec();
    let keys: Vec<&[u8]> = export[swapped.len()..].chunks(34).collect();
    swapped.extend([keys[1], keys[0], keys[2]].concat());
    assert_eq!(verdict(&pack(&swapped, &signatures)).expect_err("out of order").field, "entries");
}

#[test]
fn a_bundle_is_smaller_than_its_target() {
    let zip = write(&header(), &sorted_keys(200_000), &[]);
    // Fewer keys share fewer first bytes, so a million does better than this (see `benches/bundle.rs`).
    assert!(zip.len() < 200_000 * 178 / 10, "{} bytes", zip.len());
}
