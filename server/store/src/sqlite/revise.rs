//! `Revisions` on SQLite. The transaction began IMMEDIATE, so that nobody else writes meanwhile.

use async_trait::async_trait;
use proto::bundle::Entry;
use proto::{Feed, ReportType};
use rusqlite::{Transaction, params};

use super::key_store::SqliteKeyStore;
use super::uploads::tally;
use crate::error::StoreError;
use crate::keys::{Accepted, AcceptedKey, Keys, Provenance};
use crate::revisions::{RevisedKey, Revisions, publishable, report_type};

#[async_trait]
impl Revisions for SqliteKeyStore {
    async fn revise_keys(
        &self,
        keys: &[RevisedKey],
        feeds: &[Feed],
        provenance: &Provenance,
    ) -> Result<Accepted, StoreError> {
        // What is new is written first, and then is not what it is said to have been: the second step passes it by.
        let accepted = self.accept_keys(&publishable(keys), feeds, provenance).await?;
        let (keys, provenance) = (keys.to_vec(), provenance.clone());
        self.pool.write("revisions::revise", move |tx| revise_all(tx, &keys, &provenance)).await?;
        Ok(accepted)
    }
}

/// Revises those that may be, and counts a person if there are any.
fn revise_all(tx: &Transaction<'_>, keys: &[RevisedKey], provenance: &Provenance) -> Result<(), StoreError> {
    let mut any = false;
    for key in keys {
        any |= revise(tx, key, provenance.policy_version)?;
    }
    tally(provenance).filter(|_| any).map_or(Ok(()), |tally| tally.revision(tx))
}

/// Revises one key, if that may be; whether it was.
fn revise(tx: &Transaction<'_>, revised: &RevisedKey, policy_version: u32) -> Result<bool, StoreError> {
    if !may_be_revised(tx, revised)? {
        return Ok(false);
    }
    write(tx, &revised.key, policy_version)?;
    Ok(true)
}

/// Writes what is said now of a key that may be revised.
pub(super) fn write(tx: &Transaction<'_>, key: &AcceptedKey, policy_version: u32) -> Result<(), StoreError> {
    say_anew(tx, key)?;
    if key.raw.report_type == ReportType::Negative {
        take_back(tx, key)?;
    } else {
        change_waiting(tx, key)?;
    }
    follow_sealed(tx, key, policy_version)
}

/// Whether the key is the one that was uploaded, as it was uploaded, by whoever revises it now: either something of it waits and nothing is sealed, or
/// nothing has been revised.
fn may_be_revised(tx: &Transaction<'_>, RevisedKey { key, from }: &RevisedKey) -> Result<bool, StoreError> {
    const SQL: &str = "-- revisions::may_be_revised
        SELECT 1 FROM (
            SELECT key, rolling_start, rolling_period, raw_report_type, proof FROM gaen_fresh
            WHERE EXISTS (SELECT 1 FROM feed CROSS JOIN gaen_waiting AS waiting ON waiting.feed = feed.id WHERE waiting.key = ?1)
            UNION ALL
            SELECT key, rolling_start, rolling_period, raw_report_type, proof FROM gaen_key
        )
        WHERE key = ?1 AND rolling_start = ?2 AND rolling_period = ?3 AND raw_report_type = ?4 AND proof = ?5
        AND NOT EXISTS (SELECT 1 FROM feed CROSS JOIN gaen_waiting AS waiting ON waiting.feed = feed.id
                        WHERE waiting.key = ?1 AND waiting.revision > 0)
        AND NOT EXISTS (SELECT 1 FROM gaen_publication AS sealed WHERE sealed.key = ?1 AND sealed.revision > 0)";
    let tek = &key.published.key;
    let known = params![
        tek.data(),
        tek.rolling_start().number(),
        tek.rolling_period(),
        from.export_value(),
        key.raw.proof.number(),
    ];
    Ok(tx.prepare_cached(SQL)?.exists(known)?)
}

/// Of a key of which nothing is sealed: what was said of it is what is said now.
fn say_anew(tx: &Transaction<'_>, key: &AcceptedKey) -> Result<(), StoreError> {
    const SQL: &str = "-- gaen_fresh::revise
        UPDATE gaen_fresh SET raw_transmission_risk = ?2, raw_report_type = ?3, onset = ?4, onset_source = ?5 WHERE key = ?1";
    let raw = &key.raw;
    tx.prepare_cached(SQL)?.execute(params![
        key.published.key.data(),
        raw.transmission_risk,
        raw.report_type.export_value(),
        raw.onset.midnight().number(),
        raw.onset_source.number(),
    ])?;
    Ok(())
}

/// What waits of it says what is said now.
fn change_waiting(tx: &Transaction<'_>, key: &AcceptedKey) -> Result<(), StoreError> {
    const SQL: &str = "-- gaen_waiting::revise
        UPDATE gaen_waiting SET class = ?2, transmission_risk = ?3, report_type = ?4, days_since_onset = ?5
        WHERE feed IN (SELECT id FROM feed) AND key = ?1 AND revision = 0";
    let entry = &key.published;
    tx.prepare_cached(SQL)?.execute(params![
        entry.key.data(),
        entry.class(),
        entry.transmission_risk,
        report_type(key)?.export_value(),
        entry.days_since_onset,
    ])?;
    Ok(())
}

/// What waits of it is never published.
fn take_back(tx: &Transaction<'_>, key: &AcceptedKey) -> Result<(), StoreError> {
    const SQL: &str = "-- gaen_waiting::take_back
        DELETE FROM gaen_waiting WHERE feed IN (SELECT id FROM feed) AND key = ?1 AND revision = 0";
    tx.prepare_cached(SQL)?.execute([key.published.key.data()])?;
    Ok(())
}

/// Beside each of its sealed publications another one waits.
fn follow_sealed(tx: &Transaction<'_>, key: &AcceptedKey, policy_version: u32) -> Result<(), StoreError> {
    const SQL: &str = "-- gaen_waiting::follow_sealed
        INSERT INTO gaen_waiting (feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, policy_version, release_at)
        SELECT feed, ?1, max(revision) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
        FROM gaen_publication WHERE key = ?1 GROUP BY feed ORDER BY feed";
    let entry = &key.published;
    tx.prepare_cached(SQL)?.execute(params![
        entry.key.data(),
        entry.class(),
        entry.key.rolling_start().number(),
        entry.key.rolling_period(),
        entry.transmission_risk,
        report_type(key)?.export_value(),
        entry.days_since_onset,
        policy_version,
        key.release_at.unix(),
    ])?;
    Ok(())
}
