//! The objects of a feed in a bucket.

use std::collections::{BTreeMap, BTreeSet};

use proto::index::index_path;
use proto::manifest::manifest_path;
use sha2::{Digest, Sha256};
use store::BundleRow;

use super::{Auditing, FindingKind};
use crate::as_listed::{KnownKeys, check, known_keys};
use crate::bucket::ObjectPath;
use crate::error::ExportError;
use crate::listing::listed;
use crate::pass::object_path;

impl Auditing<'_, '_> {
    /// Every live bundle is there as recorded, and nothing is there besides that no row knows or whose time is over.
    pub(super) async fn objects(&mut self) -> Result<(), ExportError> {
        let there = match self.named.bucket.list(&object_path(&self.pass.feed.to_string())?).await {
            Ok(there) => there,
            Err(why) => {
                self.find(FindingKind::NoAnswer, None, why.to_string());
                return Ok(());
            }
        };
        let (store, feed) = (self.pass.store, self.pass.feed);
        // Read after the bucket was: whatever has been put there, its row was there before.
        let listing = store.newest_listing(feed).await?;
        let keys = known_keys(self.pass, &listing.keys);
        for row in listing.bundles.iter().filter(|row| row.derived.is_some()) {
            self.bundle(row, &keys, &there).await?;
        }
        self.surplus(&there).await
    }

    async fn bundle(
        &mut self,
        row: &BundleRow,
        keys: &KnownKeys,
        there: &BTreeMap<ObjectPath, u64>,
    ) -> Result<(), ExportError> {
        let path = self.pass.bundle_path(row)?;
        (self.progress)(path.as_str());
        if !there.contains_key(&path) {
            self.find(FindingKind::Missing, Some(path.as_str()), format!("bundle {} is not there", row.sequence));
            return Ok(());
        }
        let object = match self.named.bucket.get(&path).await {
            Ok(Some(object)) => object,
            Ok(None) => {
                self.find(FindingKind::Missing, Some(path.as_str()), format!("bundle {} is not there", row.sequence));
                return Ok(());
            }
            Err(ExportError::Corrupt(why)) => {
                self.find(FindingKind::OtherBytes, Some(path.as_str()), why);
                return Ok(());
            }
            Err(why) => {
                self.find(FindingKind::NoAnswer, Some(path.as_str()), why.to_string());
                return Ok(());
            }
        };
        self.report.compared += 1;
        self.bytes(row, keys, object.bytes).await
    }

    async fn bytes(&mut self, row: &BundleRow, keys: &KnownKeys, bytes: Vec<u8>) -> Result<(), ExportError> {
        let path = self.pass.bundle_path(row)?;
        let Some(line) = listed(row) else { return Ok(()) };
        if <[u8; 32]>::from(Sha256::digest(&bytes)) != line.zip_sha256 {
            let (have, want) = (bytes.len(), line.bytes);
            let what = format!("other bytes than bundle {}: {have} of them, and {want} were recorded", row.sequence);
            self.find(FindingKind::OtherBytes, Some(path.as_str()), what);
            return Ok(());
        }
        let keys = keys.clone();
        let checked = tokio::task::spawn_blocking(move || check(&bytes, &line, &keys).map(drop)).await;
        match checked {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                self.find(FindingKind::Refused, Some(path.as_str()), format!("bundle {}: {why}", row.sequence))
            }
            Err(_) => return Err(ExportError::Retry("the check of a bundle was interrupted".to_owned())),
        }
        Ok(())
    }

    /// What is there and should not be. The object of a bundle that was de-listed stays for a day.
    async fn surplus(&mut self, there: &BTreeMap<ObjectPath, u64>) -> Result<(), ExportError> {
        let (store, feed) = (self.pass.store, self.pass.feed);
        let mut ours = BTreeSet::from([object_path(&index_path(feed))?, object_path(&manifest_path(feed))?]);
        for standing in store.standing_bundles(feed).await? {
            ours.insert(self.pass.bundle_path(&standing.row)?);
        }
        let mut overdue = BTreeSet::new();
        for row in store.deletable(feed, &self.named.name).await? {
            overdue.insert(self.pass.bundle_path(&row)?);
        }
        for path in there.keys() {
            if overdue.contains(path) {
                let what = "was de-listed more than a day ago, and the next pass deletes it".to_owned();
                self.find(FindingKind::Lingering, Some(path.as_str()), what);
            } else if !ours.contains(path) {
                let what = "is none of ours by any row; nothing that this project runs deletes it".to_owned();
                self.find(FindingKind::Foreign, Some(path.as_str()), what);
            }
        }
        Ok(())
    }
}
