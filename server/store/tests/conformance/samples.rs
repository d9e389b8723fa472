//! Keys, reports, authorities and policies to test with.

use std::sync::Arc;

use proto::bundle::{GaenEntry, SigningKeyId, TcnClass, TcnEntry};
use proto::certificate::CertificateKey;
use proto::gaen::TemporaryExposureKey;
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};
use proto::{Feed, Interval, Kind, Region, ReportType, Timestamp};
use store::{
    AcceptedKey, AcceptedReport, Authority, AuthorityKey, DEFAULT_MEMO_BYTES, KeyStore, Member, MemberCursor,
    OnsetSource, Origin, Provenance, RawKey, RevisionProof, SealOutcome, SealPolicy, SelfReporting, release_at,
};

use crate::engine::Engine;

/// A region.
pub(crate) fn region(name: &str) -> Region {
    name.parse().expect("a region")
}

/// The verified feed of a kind in Norway, which every test knows.
pub(crate) fn feed(kind: Kind) -> Feed {
    Feed::verified(region("NO"), kind)
}

/// The GAEN feed that most tests use.
pub(crate) fn gaen() -> Feed {
    feed(Kind::Gaen)
}

/// A health authority of some regions, with one key.
pub(crate) fn authority(id: &str, regions: &[&str]) -> Authority {
    let seed = [id.len() as u8; 32];
    let key = CertificateKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key());
    Authority {
        id: id.into(),
        issuer: id.into(),
        audience: "pratique".into(),
        regions: regions.iter().map(|name| region(name)).collect(),
        self_reports: SelfReporting::Off,
        memo_bytes: DEFAULT_MEMO_BYTES,
        policy_version: 1,
        keys: vec![AuthorityKey { kid: key.kid(), key }],
    }
}

/// Opens a database whose authority is responsible for Norway and Svalbard.
pub(crate) async fn opened(engine: &impl Engine) -> Arc<dyn KeyStore> {
    let store = engine.open().await;
    store.register(&authority("fhi", &["NO", "SJ"]), engine.clock().now()).await.expect("registered");
    store
}

/// What an upload says about where it came from.
pub(crate) fn provenance(received: Timestamp) -> Provenance {
    Provenance { authority: "fhi".into(), kid: "a-kid".into(), origin: Origin::Ours, received, policy_version: 1 }
}

/// Sixteen bytes that differ for each `number` and are in no order.
pub(crate) fn key_bytes(number: u64) -> [u8; 16] {
    use sha2::Digest;
    let digest: [u8; 32] = sha2::Sha256::digest(number.to_be_bytes()).into();
    digest.first_chunk().copied().expect("32 bytes are at least 16")
}

/// A key whose validity ended three days before `now`, so that it may be released at once.
pub(crate) fn key(number: u64, now: Timestamp) -> AcceptedKey {
    key_that_began(number, Interval::containing(now).midnight().plus(-3 * 144), now.plus(-86_400))
}

/// A key that is valid for a day from `start` on.
pub(crate) fn key_that_began(number: u64, start: Interval, received: Timestamp) -> AcceptedKey {
    let tek = TemporaryExposureKey::new(&key_bytes(number), start.number().into(), 144).expect("a key");
    let published = GaenEntry {
        key: tek,
        transmission_risk: (number % 3) as u8,
        report_type: Some(ReportType::Confirmed),
        days_since_onset: Some((number % 5) as i8 - 2),
    };
    let raw = RawKey {
        transmission_risk: published.transmission_risk,
        report_type: ReportType::Confirmed,
        onset: start,
        onset_source: OnsetSource::Certificate,
        proof: RevisionProof(number.to_be_bytes()),
    };
    AcceptedKey { raw, published, release_at: release_at(tek.validity_end(), received) }
}

/// Keys with these numbers.
pub(crate) fn keys(numbers: std::ops::Range<u64>, now: Timestamp) -> Vec<AcceptedKey> {
    numbers.map(|number| key(number, now)).collect()
}

/// A report with a verification key of its own, which covers the numbers 1 to `last`.
pub(crate) fn report(number: u64, last: u16, now: Timestamp) -> AcceptedReport {
    use sha2::Digest;
    let seed: [u8; 32] = sha2::Sha256::digest(number.to_be_bytes()).into();
    let memo = Memo::new(MemoType::CoEpiV1, &[]).expect("a memo");
    let report = SignedReport::create(&ReportAuthorizationKey::from_seed(seed), &memo, 1, last).expect("a report");
    let published = TcnEntry { report, report_type: ReportType::Confirmed, class: TcnClass::Verified };
    AcceptedReport { published, release_at: now.plus(-86_400).floor(store::RELEASE_GRAIN) }
}

/// A policy that seals whatever there is.
pub(crate) fn policy() -> SealPolicy {
    SealPolicy {
        minimum: 1,
        revised_minimum: 1,
        max_entries: 500_000,
        max_bytes: 15_000_000,
        format: 1,
        signing: vec![SigningKeyId { id: "242".into(), version: "v1".into() }],
        ..SealPolicy::default()
    }
}

/// Seals and expects bundles.
pub(crate) async fn sealed(store: &dyn KeyStore, feed: &Feed, policy: &SealPolicy) -> Vec<u64> {
    match store.seal(feed, policy).await.expect("sealed") {
        SealOutcome::Sealed(sequences) => sequences,
        other => panic!("{other:?} instead of bundles"),
    }
}

/// All members of a bundle, read in pages of `limit`.
pub(crate) async fn members(store: &dyn KeyStore, feed: &Feed, sequence: u64, limit: usize) -> Vec<(bool, Member)> {
    let mut members = Vec::new();
    let mut from: Option<MemberCursor> = None;
    loop {
        let page = store.members(feed, sequence, from.as_ref(), limit).await.expect("a page");
        assert!(page.members.len() <= limit, "a page is no longer than asked for");
        members.extend(page.members);
        match page.next {
            Some(next) => from = Some(next),
            None => return members,
        }
    }
}

/// The identity of a member.
pub(crate) fn identity(member: &Member) -> Vec<u8> {
    match member {
        Member::Gaen(entry) => entry.key.data().to_vec(),
        Member::Tcn(entry) => entry.report.verification_key().to_vec(),
    }
}

/// The identities of all members of all bundles of a feed, sorted.
pub(crate) async fn published(store: &dyn KeyStore, feed: &Feed) -> Vec<Vec<u8>> {
    let mut identities = Vec::new();
    for sequence in 1.. {
        let Some(bundle) = store.bundle(feed, sequence).await.expect("read") else { break };
        let members = members(store, feed, sequence, 1_000).await;
        assert_eq!(members.len() as u64, bundle.count + bundle.revised, "the row counts its members");
        identities.extend(members.iter().map(|(_, member)| identity(member)));
    }
    identities.sort();
    identities
}

/// The identities of the keys with these numbers, sorted.
pub(crate) fn identities(numbers: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    let mut identities: Vec<_> = numbers.map(|number| key_bytes(number).to_vec()).collect();
    identities.sort();
    identities
}
