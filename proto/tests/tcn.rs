//! The test vectors of TCN v0.4, and the protocol's reference implementation as an independent peer.

use proptest::prelude::*;
use proto::api::self_reports::{SubmitReportRequest, read_tcnreport};
use proto::api::{base64, parse_body};
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport, TemporaryContactKey};
use tcn::MemoType as PeerMemoType;

const VECTORS: &str = include_str!("vectors/tcn_v0.4.txt");

fn vector(name: &str) -> Vec<u8> {
    let found = VECTORS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    hex::decode(found.expect("a vector of this name")).expect("hex")
}

fn authorization_key() -> ReportAuthorizationKey {
    ReportAuthorizationKey::from_seed(vector("rak").try_into().expect("32 bytes"))
}

#[test]
fn keys_and_numbers_are_those_of_the_specification() {
    let rak = authorization_key();
    assert_eq!(rak.verification_key(), vector("rvk")[..]);
    let mut key: TemporaryContactKey = rak.initial_contact_key();
    assert_eq!(key.bytes()[..], vector("tck_0"));
    for index in 1..=10 {
        key = key.ratchet().expect("far from the end");
        assert_eq!(key.index(), index);
        // The specification gives the number of the tenth key but not the key.
        if index < 10 {
            assert_eq!(key.bytes()[..], vector(&format!("tck_{index}")));
        }
        let number = key.number().expect("an index above 0");
        assert_eq!(number.0[..], vector(&format!("tcn_{index}")));
    }
}

#[test]
fn the_signed_report_is_that_of_the_specification_byte_for_byte() {
    let memo = Memo::new(MemoType::CoEpiV1, b"symptom data").expect("fits");
    let made = SignedReport::create(&authorization_key(), &memo, 2, 10).expect("valid");
    assert_eq!(made.as_bytes(), vector("signed_report"));
    let read = SignedReport::decode(&vector("signed_report")).expect("valid");
    assert_eq!(read.verify(), Ok(()));
    let numbers: Vec<_> = read.numbers().map(|number| number.0.to_vec()).collect();
    let expected: Vec<_> = (2..=10).map(|index| vector(&format!("tcn_{index}"))).collect();
    assert_eq!(numbers, expected);
}

/// A report's key, memo and span.
fn anything() -> impl Strategy<Value = ([u8; 32], bool, Vec<u8>, u16, u16)> {
    let memo = proptest::collection::vec(any::<u8>(), 0..=255);
    (any::<[u8; 32]>(), any::<bool>(), memo, 1..2_000_u16, 0..1_345_u16)
}

/// What the peer says about a signed report: its numbers, and none if it does not believe it.
fn peer_numbers(bytes: &[u8]) -> Option<Vec<[u8; 16]>> {
    let report = tcn::SignedReport::read(bytes).ok()?.verify().ok()?;
    Some(report.temporary_contact_numbers().map(|number| number.0).collect())
}

/// Our numbers of a report are the peer's and one more. The crate expands `j1..j2` and so drops the last number, while the
/// specification's report covers both ends: a phone that was met during j2 alone would not be found by the peer.
fn agrees_with_peer(report: &SignedReport) -> Result<(), TestCaseError> {
    let ours: Vec<_> = report.numbers().map(|number| number.0).collect();
    let mut peer = peer_numbers(report.as_bytes()).expect("the peer believes the report");
    prop_assert_eq!(peer.len() as u32, report.span() - 1);
    peer.extend(ours.last());
    prop_assert_eq!(ours, peer);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_peer_believes_our_reports((seed, coepi, memo, first, more) in anything()) {
        let kind = if coepi { MemoType::CoEpiV1 } else { MemoType::CovidWatchV1 };
        let key = ReportAuthorizationKey::from_seed(seed);
        let memo = Memo::new(kind, &memo).expect("fits");
        agrees_with_peer(&SignedReport::create(&key, &memo, first, first + more).expect("valid"))?;
    }

    #[test]
    fn we_believe_reports_of_the_peer((seed, coepi, memo, first, more) in anything()) {
        let kind = if coepi { PeerMemoType::CoEpiV1 } else { PeerMemoType::CovidWatchV1 };
        let key = tcn::ReportAuthorizationKey::read(&seed[..]).expect("32 bytes");
        let made = key.create_report(kind, memo.clone(), first, first + more).expect("fits");
        let mut bytes = Vec::new();
        made.write(&mut bytes).expect("memory takes it");

        let report = SignedReport::decode(&bytes).expect("well formed");
        prop_assert_eq!(report.verify(), Ok(()));
        prop_assert_eq!(report.memo_data(), memo);
        agrees_with_peer(&report)?;
        let ours = SignedReport::create(
            &ReportAuthorizationKey::from_seed(seed),
            &Memo::new(report.memo_type(), report.memo_data()).expect("fits"),
            first,
            first + more,
        );
        prop_assert_eq!(ours, Ok(report));
    }

    #[test]
    fn one_flipped_bit_loses_a_report((seed, _, memo, first, more) in anything(), bit in any::<proptest::sample::Index>()) {
        let memo = Memo::new(MemoType::HutchTrace, &memo).expect("fits");
        let report = SignedReport::create(&ReportAuthorizationKey::from_seed(seed), &memo, first, first + more).expect("valid");
        let mut bytes = report.as_bytes().to_vec();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!SignedReport::decode(&bytes).is_ok_and(|report| report.verify().is_ok()));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..450)) {
        if let Ok(report) = SignedReport::decode(&bytes) {
            prop_assert_eq!(report.as_bytes(), &bytes[..]);
            prop_assert_eq!(report.numbers().count() as u32, report.span());
        }
    }
}

#[test]
fn bytes_that_the_peer_lets_pass_are_refused() {
    let memo = Memo::new(MemoType::CoEpiV1, b"symptom data").expect("fits");
    let report = SignedReport::create(&authorization_key(), &memo, 2, 10).expect("valid");
    let trailing = [report.as_bytes(), b"?"].concat();
    assert!(peer_numbers(&trailing).is_some(), "the peer reads a prefix");
    assert_eq!(SignedReport::decode(&trailing).expect_err("trailing byte").field, "memo_len");
}

#[test]
fn the_report_of_the_specification_is_read_as_the_apps_of_2020_sent_it() {
    let report = vector("signed_report");
    let bare = base64::encode(&report);
    assert_eq!(read_tcnreport(bare.as_bytes()).expect("CoEpi's").as_bytes(), report);

    let part = |range: std::ops::Range<usize>| base64::encode(&report[range]);
    let body = format!(
        r#"{{"temporary_contact_key_bytes":"{}","start_index":2,"end_index":10,"memo_data":"c3ltcHRvbSBkYXRh","memo_type":0,"report_verification_public_key_bytes":"{}","signature_bytes":"{}"}}"#,
        part(32..64),
        part(0..32),
        part(82..146),
    );
    let parts: SubmitReportRequest = parse_body(body.as_bytes()).expect("Covid Watch's");
    assert_eq!(parts.report().expect("well formed").as_bytes(), report);
}
