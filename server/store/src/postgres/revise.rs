//! `Revisions` on PostgreSQL: one transaction, which neither a seal nor another revision of the same keys runs beside.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use proto::{Feed, ReportType};

use super::column::array;
use super::key_store::PostgresKeyStore;
use super::keys::KeyColumns;
use super::transaction::{Mode, Transaction};
use super::uploads;
use crate::error::StoreError;
use crate::keys::{Accepted, AcceptedKey, Keys, Provenance, by_identity};
use crate::revisions::{RevisedKey, Revisions, publishable};

#[async_trait]
impl Revisions for PostgresKeyStore {
    async fn revise_keys(
        &self,
        keys: &[RevisedKey],
        feeds: &[Feed],
        provenance: &Provenance,
    ) -> Result<Accepted, StoreError> {
        // What is new is written first, and then is not what it is said to have been: the second step passes it by.
        let accepted = self.accept_keys(&publishable(keys), feeds, provenance).await?;
        let keys = by_identity(keys, |revised| *revised.key.published.key.data());
        let given = (keys, provenance);
        self.pool
            .transact("revisions::revise", Mode::Write, &given, |tx, (keys, provenance)| {
                Box::pin(revise(tx, keys, provenance))
            })
            .await?;
        Ok(accepted)
    }
}

/// Revises those of some keys that may be revised. They come in the order of their bytes, so that of two revisions which share keys one waits for
/// the other at the first of them.
async fn revise(
    tx: &Transaction<'_>,
    keys: &BTreeMap<[u8; 16], &RevisedKey>,
    provenance: &Provenance,
) -> Result<(), StoreError> {
    lock(tx, keys).await?;
    let chosen = may_be_revised(tx, keys).await?;
    let chosen = keys.iter().filter(|(data, _)| chosen.contains(*data)).map(|(_, revised)| &revised.key);
    let chosen: Vec<_> = chosen.collect();
    if chosen.is_empty() {
        return Ok(());
    }
    write(tx, &chosen, provenance.policy_version).await?;
    uploads::count_revision(tx, provenance).await
}

/// Writes what is said now of keys that may be revised.
pub(super) async fn write(tx: &Transaction<'_>, keys: &[&AcceptedKey], policy_version: u32) -> Result<(), StoreError> {
    // One certificate speaks of all of them; were it otherwise, each would still be told by its own word.
    let (gone, kept): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.raw.report_type == ReportType::Negative);
    take_back(tx, &gone).await?;
    change_waiting(tx, &kept).await?;
    say_anew(tx, keys).await?;
    follow_sealed(tx, keys, i32::try_from(policy_version).unwrap_or(i32::MAX)).await
}

/// Waits until no seal is under way, and none begins before the end of the transaction: what a seal moves can be changed neither where it was nor
/// where it goes. Then waits for other revisions of the same keys. Locking the keys' own rows would write into sealed ones who locked them, and
/// that tells which are one person's.
async fn lock(tx: &Transaction<'_>, keys: &BTreeMap<[u8; 16], &RevisedKey>) -> Result<(), StoreError> {
    const SEALS: &str = "-- revisions::revise (seals)
        LOCK TABLE seal_lock IN ROW EXCLUSIVE MODE";
    const KEYS: &str = "-- revisions::revise (keys)
        SELECT pg_advisory_xact_lock(hashtextextended(encode(key, 'hex'), 1)) FROM unnest($1::bytea[]) AS key";
    tx.command(SEALS).await?;
    let keys: Vec<&[u8]> = keys.keys().map(<[u8; 16]>::as_slice).collect();
    tx.rows(KEYS, &[&keys]).await?;
    Ok(())
}

/// Which of them are the ones that were uploaded, as they were uploaded, by whoever revises them now: either something of them waits and nothing is
/// sealed, or nothing has been revised. Subqueries rather than joins: each is looked up in an index, whatever the planner believes.
async fn may_be_revised(
    tx: &Transaction<'_>,
    keys: &BTreeMap<[u8; 16], &RevisedKey>,
) -> Result<BTreeSet<[u8; 16]>, StoreError> {
    const SQL: &str = "-- revisions::may_be_revised
        SELECT given.key
        FROM unnest($1::bytea[], $2::bigint[], $3::smallint[], $4::smallint[], $5::bigint[])
            AS given (key, rolling_start, rolling_period, raw_report_type, proof)
        WHERE (
            (SELECT true FROM gaen_fresh AS known WHERE known.key = given.key AND known.rolling_start = given.rolling_start
             AND known.rolling_period = given.rolling_period AND known.raw_report_type = given.raw_report_type AND known.proof = given.proof
             AND (SELECT true FROM gaen_waiting AS waiting
                  WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.key = given.key LIMIT 1))
            OR
            (SELECT true FROM gaen_key AS known WHERE known.key = given.key AND known.rolling_start = given.rolling_start
             AND known.rolling_period = given.rolling_period AND known.raw_report_type = given.raw_report_type AND known.proof = given.proof)
        )
        AND (SELECT true FROM gaen_waiting AS waiting
             WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.key = given.key AND revision > 0 LIMIT 1) IS NULL
        AND (SELECT true FROM gaen_publication AS sealed WHERE sealed.key = given.key AND revision > 0 LIMIT 1) IS NULL";
    let mut columns = KeyColumns::default();
    keys.values().try_for_each(|revised| columns.push(&revised.key))?;
    let from: Vec<i16> = keys.values().map(|revised| revised.from.export_value().into()).collect();
    let KeyColumns { key, rolling_start, rolling_period, proof, .. } = &columns;
    let rows = tx.rows(SQL, &[key, rolling_start, rolling_period, &from, proof]).await?;
    rows.iter().map(|row| array(row, 0)).collect()
}

/// What waits of these is never published.
async fn take_back(tx: &Transaction<'_>, keys: &[&AcceptedKey]) -> Result<(), StoreError> {
    const SQL: &str = "-- gaen_waiting::take_back
        DELETE FROM gaen_waiting WHERE feed = ANY (ARRAY(SELECT id FROM feed)) AND key = ANY ($1::bytea[]) AND revision = 0";
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.published.key.data().as_slice()).collect();
    tx.execute(SQL, &[&keys]).await?;
    Ok(())
}

/// What waits of these says what is said now.
async fn change_waiting(tx: &Transaction<'_>, keys: &[&AcceptedKey]) -> Result<(), StoreError> {
    const SQL: &str = "-- gaen_waiting::revise
        UPDATE gaen_waiting AS waiting
        SET class = given.class, transmission_risk = given.transmission_risk, report_type = given.report_type,
            days_since_onset = given.days_since_onset
        FROM unnest($1::bytea[], $2::bigint[], $3::smallint[], $4::smallint[], $5::smallint[])
            AS given (key, class, transmission_risk, report_type, days_since_onset)
        WHERE feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.key = given.key AND revision = 0";
    let mut columns = KeyColumns::default();
    keys.iter().try_for_each(|key| columns.push(key))?;
    let KeyColumns { key, class, transmission_risk, report_type, days_since_onset, .. } = &columns;
    tx.execute(SQL, &[key, class, transmission_risk, report_type, days_since_onset]).await?;
    Ok(())
}

/// Of those of which nothing is sealed: what was said of them is what is said now.
async fn say_anew(tx: &Transaction<'_>, keys: &[&AcceptedKey]) -> Result<(), StoreError> {
    const SQL: &str = "-- gaen_fresh::revise
        UPDATE gaen_fresh AS fresh
        SET raw_transmission_risk = given.raw_transmission_risk, raw_report_type = given.raw_report_type, onset = given.onset,
            onset_source = given.onset_source
        FROM unnest($1::bytea[], $2::smallint[], $3::smallint[], $4::bigint[], $5::smallint[])
            AS given (key, raw_transmission_risk, raw_report_type, onset, onset_source)
        WHERE fresh.key = given.key";
    let mut columns = KeyColumns::default();
    keys.iter().try_for_each(|key| columns.push(key))?;
    let KeyColumns { key, raw_transmission_risk, raw_report_type, onset, onset_source, .. } = &columns;
    tx.execute(SQL, &[key, raw_transmission_risk, raw_report_type, onset, onset_source]).await?;
    Ok(())
}

/// Beside each of their sealed publications another one waits.
async fn follow_sealed(tx: &Transaction<'_>, keys: &[&AcceptedKey], policy_version: i32) -> Result<(), StoreError> {
    const SQL: &str = "-- gaen_waiting::follow_sealed
        INSERT INTO gaen_waiting (feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, policy_version, release_at)
        SELECT sealed.feed, given.key, sealed.revision + 1, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, $9, release_at
        FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::smallint[], $5::smallint[], $6::smallint[], $7::smallint[], $8::bigint[])
            AS given (key, class, rolling_start, rolling_period, transmission_risk, report_type, days_since_onset, release_at)
        CROSS JOIN LATERAL (
            SELECT feed, max(revision) AS revision FROM gaen_publication WHERE gaen_publication.key = given.key GROUP BY feed
        ) AS sealed
        ORDER BY sealed.feed, given.key";
    let mut columns = KeyColumns::default();
    keys.iter().try_for_each(|key| columns.push(key))?;
    let KeyColumns { key, class, rolling_start, rolling_period, .. } = &columns;
    let KeyColumns { transmission_risk, report_type, days_since_onset, release_at, .. } = &columns;
    let given: super::transaction::Params<'_> = &[
        key,
        class,
        rolling_start,
        rolling_period,
        transmission_risk,
        report_type,
        days_since_onset,
        release_at,
        &policy_version,
    ];
    tx.execute(SQL, given).await?;
    Ok(())
}
