//! `Keys` on SQLite.

use async_trait::async_trait;
use proto::{Feed, Kind};
use rusqlite::Transaction;

use super::key_store::SqliteKeyStore;
use super::uploads::tally;
use super::{feeds, gaen, tcn};
use crate::error::StoreError;
use crate::keys::{Accepted, AcceptedKey, AcceptedReport, Keys, Provenance, by_identity};
use crate::uploads::Cells;

#[async_trait]
impl Keys for SqliteKeyStore {
    async fn accept_keys(
        &self,
        keys: &[AcceptedKey],
        feeds: &[Feed],
        provenance: &Provenance,
    ) -> Result<Accepted, StoreError> {
        let (keys, feeds, provenance) = (keys.to_vec(), feeds.to_vec(), provenance.clone());
        self.pool.write("keys::accept_keys", move |tx| accept_keys(tx, &keys, &feeds, &provenance)).await
    }

    async fn accept_reports(
        &self,
        reports: &[AcceptedReport],
        feeds: &[Feed],
        provenance: &Provenance,
    ) -> Result<Accepted, StoreError> {
        let (reports, feeds, provenance) = (reports.to_vec(), feeds.to_vec(), provenance.clone());
        self.pool.write("keys::accept_reports", move |tx| accept_reports(tx, &reports, &feeds, &provenance)).await
    }
}

fn accept_keys(
    tx: &Transaction<'_>,
    keys: &[AcceptedKey],
    feeds: &[Feed],
    provenance: &Provenance,
) -> Result<Accepted, StoreError> {
    let feeds = feeds::ids(tx, feeds, Kind::Gaen)?;
    let (mut accepted, mut new) = (Accepted::default(), 0);
    // A key that no feed wants is not kept: nobody would ever delete it. One that is known keeps the publications that it has.
    if feeds.is_empty() {
        return Ok(accepted);
    }
    let keys = by_identity(keys, |key| *key.published.key.data());
    for key in keys.values() {
        if gaen::insert_fresh(tx, key, provenance)? {
            new += 1;
            for feed in &feeds {
                gaen::insert_waiting(tx, *feed, key, provenance.policy_version)?;
            }
        } else {
            accepted.conflicts += u64::from(gaen::conflicts(tx, key, provenance)?);
        }
    }
    if let Some(tally) = tally(provenance) {
        let cells = Cells::of(keys.values().copied(), provenance.received);
        tally.keys(tx, new, (new > 0 && new == keys.len()).then_some(cells))?;
    }
    Ok(accepted)
}

fn accept_reports(
    tx: &Transaction<'_>,
    reports: &[AcceptedReport],
    feeds: &[Feed],
    provenance: &Provenance,
) -> Result<Accepted, StoreError> {
    let feeds = feeds::ids(tx, feeds, Kind::Tcn)?;
    let (mut accepted, mut new) = (Accepted::default(), 0);
    if feeds.is_empty() {
        return Ok(accepted);
    }
    let reports = by_identity(reports, |report| *report.published.report.verification_key());
    for report in reports.values() {
        if tcn::insert_fresh(tx, report, provenance)? {
            new += 1;
            for feed in &feeds {
                tcn::insert_waiting(tx, *feed, report, provenance.policy_version)?;
            }
        } else {
            accepted.conflicts += u64::from(tcn::conflicts(tx, report)?);
        }
    }
    if let Some(tally) = tally(provenance) {
        tally.reports(tx, new, new > 0 && new == reports.len())?;
    }
    Ok(accepted)
}
