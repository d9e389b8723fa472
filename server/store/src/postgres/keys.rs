//! `Keys` on PostgreSQL: one statement an upload, one round trip.
//!
//! Rows are written in the order of their bytes: of two uploads that share keys, one waits for the other at the first shared key, and never do
//! both wait.

use std::collections::BTreeSet;

use async_trait::async_trait;
use proto::bundle::Entry;
use proto::{Feed, Kind};

use super::column::{integer, number};
use super::key_store::PostgresKeyStore;
use super::transaction::Params;
use super::{gaen, tcn};
use crate::counters::Day;
use crate::error::StoreError;
use crate::keys::{Accepted, AcceptedKey, AcceptedReport, Keys, Provenance, by_identity};
use crate::stored::RECEIPT_GRAIN;
use crate::uploads::{AGES, Cells, ONSETS, counted_on};

#[async_trait]
impl Keys for PostgresKeyStore {
    async fn accept_keys(
        &self,
        keys: &[AcceptedKey],
        feeds: &[Feed],
        provenance: &Provenance,
    ) -> Result<Accepted, StoreError> {
        let Some(paths) = paths(feeds, Kind::Gaen)? else { return Ok(Accepted::default()) };
        let keys = by_identity(keys, |key| *key.published.key.data());
        let mut columns = KeyColumns::default();
        keys.values().try_for_each(|key| columns.push(key))?;
        let (columns, cells) = (columns, CellColumns::of(Cells::of(keys.values().copied(), provenance.received)));
        let source = Source::of(provenance);
        let params: Params<'_> = &[
            &paths,
            &integer(paths.len() as u64),
            &columns.key,
            &columns.rolling_start,
            &columns.rolling_period,
            &columns.raw_transmission_risk,
            &columns.raw_report_type,
            &columns.onset,
            &columns.onset_source,
            &columns.class,
            &columns.transmission_risk,
            &columns.report_type,
            &columns.days_since_onset,
            &columns.release_at,
            &source.authority,
            &source.kid,
            &source.origin,
            &source.received_hour,
            &source.policy_version,
            &columns.proof,
            &source.counted_on,
            &cells.age,
            &cells.onset,
            &cells.ages,
            &cells.onsets,
        ];
        self.accept(("keys::accept_keys", gaen::ACCEPT), paths.len(), params).await
    }

    async fn accept_reports(
        &self,
        reports: &[AcceptedReport],
        feeds: &[Feed],
        provenance: &Provenance,
    ) -> Result<Accepted, StoreError> {
        let Some(paths) = paths(feeds, Kind::Tcn)? else { return Ok(Accepted::default()) };
        let reports = by_identity(reports, |report| *report.published.report.verification_key());
        let column = |read: fn(&AcceptedReport) -> i64| reports.values().map(|report| read(report)).collect::<Vec<_>>();
        let narrow = |read: fn(&AcceptedReport) -> u8| reports.values().map(|r| i16::from(read(r))).collect::<Vec<_>>();
        let rvk: Vec<_> = reports.keys().map(<[u8; 32]>::as_slice).collect();
        let signed_report: Vec<_> = reports.values().map(|report| report.published.report.as_bytes()).collect();
        let source = Source::of(provenance);
        let params: Params<'_> = &[
            &paths,
            &integer(paths.len() as u64),
            &rvk,
            &signed_report,
            &narrow(|report| report.published.report_type.export_value()),
            &column(|report| report.published.class()),
            &narrow(|report| report.published.class as u8),
            &column(|report| report.release_at.unix()),
            &source.authority,
            &source.kid,
            &source.origin,
            &source.received_hour,
            &source.policy_version,
            &source.counted_on,
        ];
        self.accept(("keys::accept_reports", tcn::ACCEPT), paths.len(), params).await
    }
}

impl PostgresKeyStore {
    /// Runs a statement that writes and counts an upload if all its feeds exist.
    async fn accept(
        &self,
        (name, sql): (&'static str, &'static str),
        feeds: usize,
        params: Params<'_>,
    ) -> Result<Accepted, StoreError> {
        let rows = self.pool.query(name, sql, params).await?;
        let row = rows.first().ok_or(StoreError::NotFound("feed"))?;
        let known: usize = number(row, 0)?;
        if known == feeds { Ok(Accepted { conflicts: number(row, 1)? }) } else { Err(StoreError::NotFound("feed")) }
    }
}

/// The paths of `feeds`, each once. All must be of one kind: keys go to no feed of reports. None if there are none: what no feed wants is not
/// kept, since nobody would ever delete it.
fn paths(feeds: &[Feed], kind: Kind) -> Result<Option<Vec<String>>, StoreError> {
    if feeds.iter().any(|feed| feed.kind != kind) {
        return Err(StoreError::NotFound("feed of this kind"));
    }
    let paths: BTreeSet<_> = feeds.iter().map(ToString::to_string).collect();
    Ok(if paths.is_empty() { None } else { Some(paths.into_iter().collect()) })
}

/// The columns of keys, one array each.
#[derive(Default)]
pub(super) struct KeyColumns<'a> {
    pub(super) key: Vec<&'a [u8]>,
    pub(super) rolling_start: Vec<i64>,
    pub(super) rolling_period: Vec<i16>,
    pub(super) raw_transmission_risk: Vec<i16>,
    pub(super) raw_report_type: Vec<i16>,
    pub(super) onset: Vec<i64>,
    pub(super) onset_source: Vec<i16>,
    pub(super) class: Vec<i64>,
    pub(super) transmission_risk: Vec<i16>,
    pub(super) report_type: Vec<i16>,
    pub(super) days_since_onset: Vec<Option<i16>>,
    pub(super) release_at: Vec<i64>,
    pub(super) proof: Vec<i64>,
}

impl<'a> KeyColumns<'a> {
    /// Appends a key.
    pub(super) fn push(&mut self, key: &'a AcceptedKey) -> Result<(), StoreError> {
        let (entry, raw) = (&key.published, &key.raw);
        let report_type = entry.report_type.ok_or_else(|| StoreError::Corrupt("report_type: is missing".into()))?;
        self.key.push(entry.key.data());
        self.rolling_start.push(entry.key.rolling_start().number().into());
        self.rolling_period.push(entry.key.rolling_period().into());
        self.raw_transmission_risk.push(raw.transmission_risk.into());
        self.raw_report_type.push(raw.report_type.export_value().into());
        self.onset.push(raw.onset.midnight().number().into());
        self.onset_source.push(raw.onset_source.number().into());
        self.class.push(entry.class());
        self.transmission_risk.push(entry.transmission_risk.into());
        self.report_type.push(report_type.export_value().into());
        self.days_since_onset.push(entry.days_since_onset.map(i16::from));
        self.release_at.push(key.release_at.unix());
        self.proof.push(raw.proof.number());
        Ok(())
    }
}

/// Where an upload is counted: the places in both distributions, from 1, and distributions of this upload alone.
struct CellColumns {
    age: i32,
    onset: i32,
    ages: Vec<i32>,
    onsets: Vec<i32>,
}

impl CellColumns {
    fn of(cells: Cells) -> Self {
        let place = |cell: usize| i32::try_from(cell + 1).unwrap_or(i32::MAX);
        Self {
            age: place(cells.age),
            onset: place(cells.onset),
            ages: (0..AGES).map(|cell| i32::from(cell == cells.age)).collect(),
            onsets: (0..=ONSETS).map(|cell| i32::from(cell == cells.onset)).collect(),
        }
    }
}

/// Where an upload came from, as columns.
struct Source<'a> {
    authority: &'a str,
    kid: &'a str,
    origin: i16,
    received_hour: i64,
    policy_version: i32,
    counted_on: Option<i32>,
}

impl<'a> Source<'a> {
    fn of(provenance: &'a Provenance) -> Self {
        Self {
            authority: &provenance.authority,
            kid: &provenance.kid,
            origin: provenance.origin.number().into(),
            received_hour: provenance.received.floor(RECEIPT_GRAIN).unix(),
            policy_version: i32::try_from(provenance.policy_version).unwrap_or(i32::MAX),
            counted_on: counted_on(provenance).map(Day::number),
        }
    }
}
