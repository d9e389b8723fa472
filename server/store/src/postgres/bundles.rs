//! `Bundles` on PostgreSQL: each method one transaction.

use std::sync::Mutex;

use async_trait::async_trait;
use proto::Feed;
use proto::manifest::AnnouncedKey;

use super::key_store::PostgresKeyStore;
use super::kind::tables;
use super::transaction::{Mode, Transaction};
use super::{bundle_rows, feeds, listing, members, progress, seal, waiting};
use crate::bundles::{
    BundleRow, Bundles, Derived, Listing, MemberCursor, MemberSink, Members, SealOutcome, SealPolicy, Waiting,
};
use crate::clock::Clock;
use crate::error::StoreError;

#[async_trait]
impl Bundles for PostgresKeyStore {
    async fn waiting(&self, feed: &Feed) -> Result<Waiting, StoreError> {
        let given = (feed, &self.clock);
        self.pool.transact("bundles::waiting", Mode::Read, &given, |tx, given| Box::pin(count(tx, *given))).await
    }

    async fn seal(&self, feed: &Feed, policy: &SealPolicy) -> Result<SealOutcome, StoreError> {
        let given = seal::Given { feed, policy, clock: &self.clock };
        self.pool.transact("bundles::seal", Mode::Frozen, &given, |tx, given| Box::pin(seal::seal(tx, given))).await
    }

    async fn bundle(&self, feed: &Feed, sequence: u64) -> Result<Option<BundleRow>, StoreError> {
        let given = (feed, sequence, &self.clock);
        self.pool.transact("bundles::bundle", Mode::Read, &given, |tx, given| Box::pin(bundle(tx, *given))).await
    }

    async fn members(
        &self,
        feed: &Feed,
        sequence: u64,
        from: Option<&MemberCursor>,
        limit: usize,
    ) -> Result<Members, StoreError> {
        let given = members::Given { feed, sequence, from, limit, clock: &self.clock };
        let page =
            self.read_heavily("bundles::members", &given, |tx, given| Box::pin(members::members(tx, given)), |_| true);
        page.await
    }

    async fn read_members(&self, feed: &Feed, sequence: u64, sink: &mut dyn MemberSink) -> Result<(), StoreError> {
        let given = members::Whole { feed, sequence, sink: Mutex::new(sink), clock: &self.clock };
        let read = self.read_heavily(
            "bundles::read_members",
            &given,
            |tx, given| Box::pin(members::read(tx, given)),
            |whole| *whole,
        );
        read.await.map(drop)
    }

    async fn record_derived(&self, feed: &Feed, sequence: u64, derived: &Derived) -> Result<Derived, StoreError> {
        let given = (progress::Given { feed, number: sequence, bucket: "", clock: &self.clock }, derived);
        let record = self.pool.transact("bundles::record_derived", Mode::Write, &given, |tx, (given, derived)| {
            Box::pin(progress::record_derived(tx, (given, derived)))
        });
        record.await
    }

    async fn record_put(&self, feed: &Feed, sequence: u64, bucket: &str) -> Result<(), StoreError> {
        let given = progress::Given { feed, number: sequence, bucket, clock: &self.clock };
        let record = self.pool.transact("bundles::record_put", Mode::Write, &given, |tx, given| {
            Box::pin(progress::record_put(tx, given))
        });
        record.await
    }

    async fn puts(&self, feed: &Feed, bucket: &str) -> Result<Vec<u64>, StoreError> {
        let given = progress::Given { feed, number: 0, bucket, clock: &self.clock };
        self.pool.transact("bundles::puts", Mode::Read, &given, |tx, given| Box::pin(progress::puts(tx, given))).await
    }

    async fn record_listed(&self, feed: &Feed, number: u64, bucket: &str) -> Result<(), StoreError> {
        let given = progress::Given { feed, number, bucket, clock: &self.clock };
        let record = self.pool.transact("bundles::record_listed", Mode::Write, &given, |tx, given| {
            Box::pin(progress::record_listed(tx, given))
        });
        record.await
    }

    async fn announce(&self, feed: &Feed, number: u64, keys: &[AnnouncedKey]) -> Result<(), StoreError> {
        let given = (feed, number, keys, &self.clock);
        let announce = self
            .pool
            .transact("bundles::announce", Mode::Write, &given, |tx, given| Box::pin(listing::announce(tx, *given)));
        announce.await
    }

    async fn number(&self, feed: &Feed) -> Result<u64, StoreError> {
        let given = (feed, &self.clock);
        self.pool.transact("bundles::number", Mode::Read, &given, |tx, given| Box::pin(number(tx, *given))).await
    }

    async fn listing(&self, feed: &Feed, number: u64) -> Result<Listing, StoreError> {
        let given = (feed, number, &self.clock);
        let listing = self
            .pool
            .transact("bundles::listing", Mode::Read, &given, |tx, given| Box::pin(listing::listing(tx, *given)));
        listing.await
    }
}

async fn count(tx: &Transaction<'_>, (feed, clock): (&Feed, &Clock)) -> Result<Waiting, StoreError> {
    let row = feeds::find(tx, feed, clock).await?;
    Ok(waiting::count(tx, tables(feed.kind), feed, &row).await?.waiting)
}

async fn bundle(
    tx: &Transaction<'_>,
    (feed, sequence, clock): (&Feed, u64, &Clock),
) -> Result<Option<BundleRow>, StoreError> {
    let id = feeds::find(tx, feed, clock).await?.id;
    bundle_rows::find(tx, (feed, id), sequence).await
}

async fn number(tx: &Transaction<'_>, (feed, clock): (&Feed, &Clock)) -> Result<u64, StoreError> {
    Ok(feeds::find(tx, feed, clock).await?.number)
}
