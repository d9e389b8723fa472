//! Reading a bundle.

use std::ops::ControlFlow;

use proto::Kind;
use proto::bundle::Entry;
use store::{Member, MemberDigest, MemberSink, StoreError};

use crate::engine::Engine;
use crate::samples::{feed, gaen, keys, members, opened, policy, provenance, report, sealed};

pub(crate) async fn members_stand_by_class_and_then_by_bytes(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    store.accept_keys(&keys(0..200, now), &[gaen()], &provenance(now)).await.expect("accepted");
    let tcn = feed(Kind::Tcn);
    let reports: Vec<_> = (0..60).map(|number| report(number, 10 + (number % 4) as u16, now)).collect();
    store.accept_reports(&reports, std::slice::from_ref(&tcn), &provenance(now)).await.expect("accepted");
    for feed in [gaen(), tcn] {
        sealed(&*store, &feed, &policy()).await;
        let order: Vec<_> = members(&*store, &feed, 1, 1_000).await.iter().map(|(_, member)| place(member)).collect();
        assert!(order.is_sorted(), "{feed}");
        let classes: std::collections::HashSet<_> = order.iter().map(|(class, _)| class).collect();
        assert!(classes.len() > 1, "the order by class is tried");
    }
}

fn place(member: &Member) -> (i64, Vec<u8>) {
    match member {
        Member::Gaen(entry) => (entry.class(), entry.order_bytes().to_vec()),
        Member::Tcn(entry) => (entry.class(), entry.order_bytes().to_vec()),
    }
}

pub(crate) async fn pages_of_any_size_hold_the_same_members(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    store.accept_keys(&keys(0..20, now), &[gaen()], &provenance(now)).await.expect("accepted");
    sealed(&*store, &gaen(), &policy()).await;
    let all = members(&*store, &gaen(), 1, 1_000).await;
    assert_eq!(all.len(), 20);
    for limit in [1, 3, 10, 19, 20, 21] {
        assert_eq!(members(&*store, &gaen(), 1, limit).await, all, "pages of {limit}");
    }
    let exact = store.members(&gaen(), 1, None, 20).await.expect("a page");
    assert_eq!(exact.next, None, "none after the last");
}

pub(crate) async fn the_digest_of_a_bundle_is_that_of_its_members(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    store.accept_keys(&keys(0..20, now), &[gaen()], &provenance(now)).await.expect("accepted");
    let tcn = feed(Kind::Tcn);
    store.accept_reports(&[report(1, 9, now)], std::slice::from_ref(&tcn), &provenance(now)).await.expect("accepted");
    for feed in [gaen(), tcn] {
        sealed(&*store, &feed, &policy()).await;
        let mut digest = MemberDigest::new();
        for (revised, member) in members(&*store, &feed, 1, 7).await {
            digest.push(revised, &member);
        }
        let bundle = store.bundle(&feed, 1).await.expect("read").expect("there");
        assert_eq!(bundle.member_digest, digest.finish(), "{feed}");
    }
}

pub(crate) async fn an_unknown_bundle_has_no_members(engine: &impl Engine) {
    let store = opened(engine).await;
    let unknown = store.members(&gaen(), 1, None, 10).await;
    assert!(matches!(unknown, Err(StoreError::NotFound("bundle"))));
}

pub(crate) async fn members_read_at_once_are_those_of_the_pages(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    store.accept_keys(&keys(0..20, now), &[gaen()], &provenance(now)).await.expect("accepted");
    let tcn = feed(Kind::Tcn);
    store.accept_reports(&[report(1, 9, now)], std::slice::from_ref(&tcn), &provenance(now)).await.expect("accepted");
    for feed in [gaen(), tcn] {
        sealed(&*store, &feed, &policy()).await;
        let mut kept = Kept { enough: usize::MAX, ..Kept::default() };
        store.read_members(&feed, 1, &mut kept).await.expect("read");
        assert_eq!((kept.begun, kept.members), (1, members(&*store, &feed, 1, 7).await), "{feed}");
    }
    let unknown = store.read_members(&gaen(), 2, &mut Kept::default()).await;
    assert!(matches!(unknown, Err(StoreError::NotFound("bundle"))));
}

pub(crate) async fn a_read_ends_when_its_sink_has_enough(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    store.accept_keys(&keys(0..20, now), &[gaen()], &provenance(now)).await.expect("accepted");
    sealed(&*store, &gaen(), &policy()).await;
    let mut kept = Kept { enough: 3, ..Kept::default() };
    store.read_members(&gaen(), 1, &mut kept).await.expect("read");
    assert_eq!(kept.members, members(&*store, &gaen(), 1, 1_000).await[..3]);
    assert_eq!(members(&*store, &gaen(), 1, 1_000).await.len(), 20, "and the connection is as good as new");
}

/// Keeps what it is given.
#[derive(Default)]
struct Kept {
    begun: usize,
    members: Vec<(bool, Member)>,
    enough: usize,
}

impl MemberSink for Kept {
    fn begin(&mut self) {
        self.begun += 1;
        self.members.clear();
    }

    fn take(&mut self, revised: bool, member: &Member) -> ControlFlow<()> {
        self.members.push((revised, member.clone()));
        if self.members.len() < self.enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn is_whole(&self) -> bool {
        true
    }
}
