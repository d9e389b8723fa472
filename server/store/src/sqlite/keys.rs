//! `Keys` on SQLite.

use async_trait::async_trait;
use proto::{Feed, Kind};

use super::key_store::SqliteKeyStore;
use super::{feeds, gaen, tcn};
use crate::error::StoreError;
use crate::keys::{AcceptedKey, AcceptedReport, Keys, Provenance};

#[async_trait]
impl Keys for SqliteKeyStore {
    async fn accept_keys(
        &self,
        keys: &[AcceptedKey],
        feeds: &[Feed],
        provenance: &Provenance,
    ) -> Result<(), StoreError> {
        let (keys, feeds, provenance) = (keys.to_vec(), feeds.to_vec(), provenance.clone());
        let accept = move |tx: &rusqlite::Transaction<'_>| {
            let feeds = feeds::ids(tx, &feeds, Kind::Gaen)?;
            // A key that no feed wants is not kept: nobody would ever delete it. One that is known keeps the publications that it has.
            for key in keys.iter().filter(|_| !feeds.is_empty()) {
                if gaen::insert_fresh(tx, key, &provenance)? {
                    for feed in &feeds {
                        gaen::insert_waiting(tx, *feed, key, provenance.policy_version)?;
                    }
                }
            }
            Ok(())
        };
        self.pool.write("keys::accept_keys", accept).await
    }

    async fn accept_reports(
        &self,
        reports: &[AcceptedReport],
        feeds: &[Feed],
        provenance: &Provenance,
    ) -> Result<(), StoreError> {
        let (reports, feeds, provenance) = (reports.to_vec(), feeds.to_vec(), provenance.clone());
        let accept = move |tx: &rusqlite::Transaction<'_>| {
            let feeds = feeds::ids(tx, &feeds, Kind::Tcn)?;
            for report in reports.iter().filter(|_| !feeds.is_empty()) {
                if tcn::insert_fresh(tx, report, &provenance)? {
                    for feed in &feeds {
                        tcn::insert_waiting(tx, *feed, report, provenance.policy_version)?;
                    }
                }
            }
            Ok(())
        };
        self.pool.write("keys::accept_reports", accept).await
    }
}
