//! `Bundles` on SQLite: each method one transaction.

use async_trait::async_trait;
use proto::Feed;
use proto::manifest::AnnouncedKey;

use super::key_store::SqliteKeyStore;
use super::kind::tables;
use super::{bundle_rows, feeds, listing, members, progress, seal, waiting};
use crate::bundles::{
    BundleRow, Bundles, Derived, Listing, MemberCursor, MemberSink, Members, SealOutcome, SealPolicy, Waiting,
};
use crate::error::StoreError;

/// How many members are read at a time where all are wanted.
const PAGE: usize = 2_000;

#[async_trait]
impl Bundles for SqliteKeyStore {
    async fn waiting(&self, feed: &Feed) -> Result<Waiting, StoreError> {
        let (feed, clock) = (feed.clone(), self.clock.clone());
        let count = move |tx: &rusqlite::Transaction<'_>| {
            let id = feeds::find(tx, &feed)?.id;
            Ok(waiting::count(tx, tables(feed.kind), (&feed, id), clock.now())?.waiting)
        };
        self.pool.read("bundles::waiting", count).await
    }

    async fn seal(&self, feed: &Feed, policy: &SealPolicy) -> Result<SealOutcome, StoreError> {
        let (feed, policy, clock) = (feed.clone(), policy.clone(), self.clock.clone());
        let outcome = self.pool.write("bundles::seal", move |tx| seal::seal(tx, &feed, &policy, &clock)).await?;
        // The log keeps the order in which keys came. A seal empties it also when it finds nothing to seal.
        self.empty_log().await;
        Ok(outcome)
    }

    async fn bundle(&self, feed: &Feed, sequence: u64) -> Result<Option<BundleRow>, StoreError> {
        let feed = feed.clone();
        let find = move |tx: &rusqlite::Transaction<'_>| {
            let id = feeds::find(tx, &feed)?.id;
            bundle_rows::find(tx, (&feed, id), sequence)
        };
        self.pool.read("bundles::bundle", find).await
    }

    async fn members(
        &self,
        feed: &Feed,
        sequence: u64,
        from: Option<&MemberCursor>,
        limit: usize,
    ) -> Result<Members, StoreError> {
        let (feed, from) = (feed.clone(), from.cloned());
        let page = move |tx: &rusqlite::Transaction<'_>| members::members(tx, &feed, sequence, from.as_ref(), limit);
        self.pool.read("bundles::members", page).await
    }

    async fn read_members(&self, feed: &Feed, sequence: u64, sink: &mut dyn MemberSink) -> Result<(), StoreError> {
        // Sealed members do not change, so that pages show what one read would; and a long read would keep the log from being emptied.
        let mut from = None;
        sink.begin();
        loop {
            let page = self.members(feed, sequence, from.as_ref(), PAGE).await?;
            if page.members.iter().any(|(revised, member)| sink.take(*revised, member).is_break()) {
                return Ok(());
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn record_derived(&self, feed: &Feed, sequence: u64, derived: &Derived) -> Result<Derived, StoreError> {
        let (feed, derived, clock) = (feed.clone(), derived.clone(), self.clock.clone());
        let record =
            move |tx: &rusqlite::Transaction<'_>| progress::record_derived(tx, &feed, sequence, &derived, clock.now());
        self.pool.write("bundles::record_derived", record).await
    }

    async fn record_put(&self, feed: &Feed, sequence: u64, bucket: &str) -> Result<(), StoreError> {
        let (feed, bucket, clock) = (feed.clone(), bucket.to_owned(), self.clock.clone());
        let record =
            move |tx: &rusqlite::Transaction<'_>| progress::record_put(tx, &feed, sequence, &bucket, clock.now());
        self.pool.write("bundles::record_put", record).await
    }

    async fn puts(&self, feed: &Feed, bucket: &str) -> Result<Vec<u64>, StoreError> {
        let (feed, bucket) = (feed.clone(), bucket.to_owned());
        self.pool.read("bundles::puts", move |tx| progress::puts(tx, &feed, &bucket)).await
    }

    async fn record_listed(&self, feed: &Feed, number: u64, bucket: &str) -> Result<(), StoreError> {
        let (feed, bucket, clock) = (feed.clone(), bucket.to_owned(), self.clock.clone());
        let record =
            move |tx: &rusqlite::Transaction<'_>| progress::record_listed(tx, &feed, number, &bucket, clock.now());
        self.pool.write("bundles::record_listed", record).await
    }

    async fn announce(&self, feed: &Feed, number: u64, keys: &[AnnouncedKey]) -> Result<(), StoreError> {
        let (feed, keys, clock) = (feed.clone(), keys.to_vec(), self.clock.clone());
        let announce = move |tx: &rusqlite::Transaction<'_>| listing::announce(tx, (&feed, number), &keys, clock.now());
        self.pool.write("bundles::announce", announce).await
    }

    async fn number(&self, feed: &Feed) -> Result<u64, StoreError> {
        let feed = feed.clone();
        self.pool.read("bundles::number", move |tx| Ok(feeds::find(tx, &feed)?.number)).await
    }

    async fn listing(&self, feed: &Feed, number: u64) -> Result<Listing, StoreError> {
        let feed = feed.clone();
        self.pool.read("bundles::listing", move |tx| listing::listing(tx, &feed, number)).await
    }
}
