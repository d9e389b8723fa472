//! Adding filler to what a seal takes, in the seal's own transaction.

use std::collections::HashMap;

use proto::bundle::Entry;
use proto::{Feed, Kind};

use super::column::{integer, value};
use super::feeds::FeedRow;
use super::filler::holds;
use super::keys::KeyColumns;
use super::transaction::{Params, Transaction};
use super::{revise, withdrawal_tables};
use crate::bundles::SealPolicy;
use crate::error::StoreError;
use crate::filler::{DrawnFiller, FillerEntries, FillerMark, FillerPerson, FillerRevision, Needs};
use crate::keys::{AcceptedKey, AcceptedReport, Provenance};
use crate::stored::RECEIPT_GRAIN;
use crate::withdrawals::Identity;

/// Adds what is needed of what was drawn, before anything is counted; the mark of who came, if anybody did. If the feed is held all the same, nothing
/// is added: it would wait, and nobody would know it again.
pub(super) async fn add(
    tx: &Transaction<'_>,
    feed: &Feed,
    row: &FeedRow,
    policy: &SealPolicy,
) -> Result<Option<FillerMark>, StoreError> {
    let Some(filler) = &policy.filler else { return Ok(None) };
    let holds = holds(tx, feed, row).await?;
    let needs = holds.needs(&filler.rules);
    if needs.is_nothing() {
        return Ok(None);
    }
    let revisions = if needs.revise { choose(tx, row, filler, (feed.kind, holds.revised)).await? } else { Vec::new() };
    let coming = filler.who_comes(&holds, Needs { plant: needs.plant && revisions.is_empty(), ..needs });
    let there = holds.ordinary + coming.iter().map(|person| person.ripe(holds.now)).sum::<u64>();
    if there < filler.rules.minimum {
        return Ok(None);
    }
    for revision in revisions {
        revise(tx, feed.kind, revision).await?;
    }
    write(tx, &coming).await?;
    Ok(coming.last().map(|last| last.mark))
}

/// After the seal: its bundles get their mark, from a sequence on, and what of the same people does not leave yet is written anew together with
/// everybody's: which transaction wrote a row would tell who is filler.
pub(super) async fn finish(
    tx: &Transaction<'_>,
    (kind, feed): (Kind, &FeedRow),
    mark: FillerMark,
    added: bool,
) -> Result<(), StoreError> {
    const MARK: &str = "-- filler::mark
        UPDATE bundle SET filler_mark = $3 WHERE feed = $1 AND sequence >= $2";
    tx.execute(MARK, &[&feed.id, &integer(feed.next_sequence), &mark.0.as_slice()]).await?;
    if !added {
        return Ok(());
    }
    let [fresh, waiting] = match kind {
        Kind::Gaen => REWRITE_KEYS,
        Kind::Tcn => REWRITE_REPORTS,
    };
    tx.execute(fresh, &[&feed.id]).await?;
    tx.execute(waiting, &[&feed.id]).await?;
    Ok(())
}

const REWRITE_KEYS: [&str; 2] = [
    "-- filler::rewrite_fresh_keys
    WITH moved AS (
        DELETE FROM gaen_fresh USING gaen_waiting AS left_over
        WHERE left_over.feed = $1 AND left_over.key = gaen_fresh.key RETURNING gaen_fresh.*
    )
    INSERT INTO gaen_fresh SELECT moved.* FROM moved ORDER BY key",
    "-- filler::rewrite_waiting_keys
    WITH moved AS (
        DELETE FROM gaen_waiting USING gaen_waiting AS left_over
        WHERE left_over.feed = $1 AND left_over.key = gaen_waiting.key RETURNING gaen_waiting.*
    )
    INSERT INTO gaen_waiting SELECT moved.* FROM moved ORDER BY feed, key, revision",
];

const REWRITE_REPORTS: [&str; 2] = [
    "-- filler::rewrite_fresh_reports
    WITH moved AS (
        DELETE FROM tcn_fresh USING tcn_waiting AS left_over
        WHERE left_over.feed = $1 AND left_over.rvk = tcn_fresh.rvk RETURNING tcn_fresh.*
    )
    INSERT INTO tcn_fresh SELECT moved.* FROM moved ORDER BY rvk",
    "-- filler::rewrite_waiting_reports
    WITH moved AS (
        DELETE FROM tcn_waiting USING tcn_waiting AS left_over
        WHERE left_over.feed = $1 AND left_over.rvk = tcn_waiting.rvk RETURNING tcn_waiting.*
    )
    INSERT INTO tcn_waiting SELECT moved.* FROM moved ORDER BY feed, rvk, revision",
];

/// Revisions of whole people of whom nothing was revised yet, until there are enough; none if there never are.
async fn choose<'a>(
    tx: &Transaction<'_>,
    row: &FeedRow,
    filler: &'a DrawnFiller,
    (kind, waiting): (Kind, u64),
) -> Result<Vec<&'a FillerRevision>, StoreError> {
    let identities: Vec<Identity> = filler.revisions.iter().flat_map(FillerRevision::identities).collect();
    let unrevised = unrevised(tx, row, kind, &identities).await?;
    Ok(filler.who_is_revised(waiting, &unrevised))
}

/// Which of these are known and not revised anywhere, and whether each is sealed in the feed.
async fn unrevised(
    tx: &Transaction<'_>,
    row: &FeedRow,
    kind: Kind,
    identities: &[Identity],
) -> Result<HashMap<Identity, bool>, StoreError> {
    const KEYS: &str = "-- filler::unrevised_keys
        SELECT given.key, (SELECT true FROM gaen_publication AS sealed WHERE sealed.key = given.key AND feed = $2 LIMIT 1) IS NOT NULL
        FROM unnest($1::bytea[]) AS given (key)
        WHERE (SELECT true FROM gaen_publication AS sealed WHERE sealed.key = given.key AND revision > 0 LIMIT 1) IS NULL
        AND (SELECT true FROM gaen_waiting AS waiting
             WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.key = given.key AND revision > 0 LIMIT 1) IS NULL
        AND ((SELECT true FROM gaen_publication AS sealed WHERE sealed.key = given.key LIMIT 1)
             OR (SELECT true FROM gaen_waiting AS waiting
                 WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.key = given.key LIMIT 1))";
    const REPORTS: &str = "-- filler::unrevised_reports
        SELECT given.rvk, (SELECT true FROM tcn_publication AS sealed WHERE sealed.rvk = given.rvk AND feed = $2 LIMIT 1) IS NOT NULL
        FROM unnest($1::bytea[]) AS given (rvk)
        WHERE (SELECT true FROM tcn_publication AS sealed WHERE sealed.rvk = given.rvk AND revision > 0 LIMIT 1) IS NULL
        AND (SELECT true FROM tcn_waiting AS waiting
             WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.rvk = given.rvk AND revision > 0 LIMIT 1) IS NULL
        AND ((SELECT true FROM tcn_publication AS sealed WHERE sealed.rvk = given.rvk LIMIT 1)
             OR (SELECT true FROM tcn_waiting AS waiting
                 WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.rvk = given.rvk LIMIT 1))";
    let sql = if kind == Kind::Gaen { KEYS } else { REPORTS };
    let rows = tx.rows(sql, &[&identities, &row.id]).await?;
    rows.iter().map(|row| Ok((value(row, 0)?, value(row, 1)?))).collect()
}

async fn revise(tx: &Transaction<'_>, kind: Kind, revision: &FillerRevision) -> Result<(), StoreError> {
    match revision {
        FillerRevision::Said { keys, policy_version } => {
            revise::write(tx, &keys.iter().collect::<Vec<_>>(), *policy_version).await
        }
        FillerRevision::Withdrawn { identities, release_at } => {
            let (tables, release_at) = (withdrawal_tables::tables(kind), release_at.unix());
            tx.execute(&tables.unwait, &[identities]).await?;
            tx.execute(&tables.rewrite, &[identities]).await?;
            tx.execute(&tables.revoke, &[identities, &release_at]).await.map(drop)
        }
    }
}

/// Writes people as uploads are written, all of them at once.
async fn write(tx: &Transaction<'_>, people: &[&FillerPerson]) -> Result<(), StoreError> {
    let (mut keys, mut reports) = (Vec::new(), Vec::new());
    for person in people {
        match &person.entries {
            FillerEntries::Keys(of_person) => keys.extend(of_person.iter().map(|key| (key, *person))),
            FillerEntries::Reports(of_person) => reports.extend(of_person.iter().map(|report| (report, *person))),
        }
    }
    if !keys.is_empty() {
        write_fresh_keys(tx, &keys).await?;
        write_waiting_keys(tx, &keys).await?;
    }
    if !reports.is_empty() {
        write_reports(tx, &reports).await?;
    }
    Ok(())
}

async fn write_fresh_keys(tx: &Transaction<'_>, keys: &[(&AcceptedKey, &FillerPerson)]) -> Result<(), StoreError> {
    const FRESH: &str = "-- filler::write_fresh_keys
        INSERT INTO gaen_fresh (key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type, onset, onset_source,
            proof, authority, kid, origin, received_hour)
        SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::smallint[], $4::smallint[], $5::smallint[], $6::bigint[], $7::smallint[],
                             $8::bigint[], $9::text[], $10::text[], $11::smallint[], $12::bigint[]) AS given (key)
        ORDER BY key";
    let (mut columns, mut sources) = (KeyColumns::default(), Sources::default());
    for (key, person) in keys {
        columns.push(key)?;
        sources.push(&person.provenance);
    }
    let KeyColumns { key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type, .. } = &columns;
    let KeyColumns { onset, onset_source, proof, .. } = &columns;
    let Sources { authority, kid, origin, received_hour } = &sources;
    let fresh: Params<'_> = &[
        key,
        rolling_start,
        rolling_period,
        raw_transmission_risk,
        raw_report_type,
        onset,
        onset_source,
        proof,
        authority,
        kid,
        origin,
        received_hour,
    ];
    tx.execute(FRESH, fresh).await.map(drop)
}

async fn write_waiting_keys(tx: &Transaction<'_>, keys: &[(&AcceptedKey, &FillerPerson)]) -> Result<(), StoreError> {
    const WAITING: &str = "-- filler::write_waiting_keys
        INSERT INTO gaen_waiting (feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, policy_version, release_at)
        SELECT feed.id, key, 0, class, rolling_start, rolling_period, transmission_risk, report_type, days_since_onset, policy_version,
            release_at
        FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::smallint[], $6::smallint[], $7::smallint[], $8::smallint[],
                    $9::integer[], $10::bigint[])
            AS given (path, key, class, rolling_start, rolling_period, transmission_risk, report_type, days_since_onset, policy_version,
                      release_at)
        JOIN feed USING (path) ORDER BY feed.id, key";
    let (mut columns, mut paths, mut policy_versions) = (KeyColumns::default(), Vec::new(), Vec::new());
    for (key, person) in keys {
        for feed in &person.feeds {
            columns.push(key)?;
            paths.push(feed.to_string());
            policy_versions.push(policy_version(&person.provenance));
        }
    }
    let KeyColumns { key, class, rolling_start, rolling_period, .. } = &columns;
    let KeyColumns { transmission_risk, report_type, days_since_onset, release_at, .. } = &columns;
    let waiting: Params<'_> = &[
        &paths,
        key,
        class,
        rolling_start,
        rolling_period,
        transmission_risk,
        report_type,
        days_since_onset,
        &policy_versions,
        release_at,
    ];
    tx.execute(WAITING, waiting).await.map(drop)
}

async fn write_reports(tx: &Transaction<'_>, reports: &[(&AcceptedReport, &FillerPerson)]) -> Result<(), StoreError> {
    const FRESH: &str = "-- filler::write_fresh_reports
        INSERT INTO tcn_fresh (rvk, signed_report, raw_report_type, authority, kid, origin, received_hour)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::smallint[], $4::text[], $5::text[], $6::smallint[], $7::bigint[]) AS given (rvk)
        ORDER BY rvk";
    const WAITING: &str = "-- filler::write_waiting_reports
        INSERT INTO tcn_waiting (feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, release_at)
        SELECT feed.id, rvk, 0, class, signed_report, report_type, report_class, policy_version, release_at
        FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bytea[], $5::smallint[], $6::smallint[], $7::integer[], $8::bigint[])
            AS given (path, rvk, class, signed_report, report_type, report_class, policy_version, release_at)
        JOIN feed USING (path) ORDER BY feed.id, rvk";
    let rvk = |report: &AcceptedReport| report.published.report.verification_key().to_vec();
    let said = |report: &AcceptedReport| i16::from(report.published.report_type.export_value());
    let mut sources = Sources::default();
    reports.iter().for_each(|(_, person)| sources.push(&person.provenance));
    let Sources { authority, kid, origin, received_hour } = &sources;
    let rvks: Vec<_> = reports.iter().map(|(report, _)| rvk(report)).collect();
    let signed: Vec<_> = reports.iter().map(|(report, _)| report.published.report.as_bytes()).collect();
    let types: Vec<_> = reports.iter().map(|(report, _)| said(report)).collect();
    tx.execute(FRESH, &[&rvks, &signed, &types, authority, kid, origin, received_hour]).await?;

    let rows =
        || reports.iter().flat_map(|(report, person)| person.feeds.iter().map(move |feed| (*report, *person, feed)));
    let paths: Vec<_> = rows().map(|(.., feed)| feed.to_string()).collect();
    let rvks: Vec<_> = rows().map(|(report, ..)| rvk(report)).collect();
    let classes: Vec<_> = rows().map(|(report, ..)| report.published.class()).collect();
    let signed: Vec<_> = rows().map(|(report, ..)| report.published.report.as_bytes()).collect();
    let types: Vec<_> = rows().map(|(report, ..)| said(report)).collect();
    let words: Vec<_> = rows().map(|(report, ..)| report.published.class as i16).collect();
    let versions: Vec<_> = rows().map(|(_, person, _)| policy_version(&person.provenance)).collect();
    let release_at: Vec<_> = rows().map(|(report, ..)| report.release_at.unix()).collect();
    let waiting: Params<'_> = &[&paths, &rvks, &classes, &signed, &types, &words, &versions, &release_at];
    tx.execute(WAITING, waiting).await.map(drop)
}

/// Where entries came from, one array a column.
#[derive(Default)]
struct Sources<'a> {
    authority: Vec<&'a str>,
    kid: Vec<&'a str>,
    origin: Vec<i16>,
    received_hour: Vec<i64>,
}

impl<'a> Sources<'a> {
    fn push(&mut self, provenance: &'a Provenance) {
        self.authority.push(&provenance.authority);
        self.kid.push(&provenance.kid);
        self.origin.push(provenance.origin.number().into());
        self.received_hour.push(provenance.received.floor(RECEIPT_GRAIN).unix());
    }
}

fn policy_version(provenance: &Provenance) -> i32 {
    i32::try_from(provenance.policy_version).unwrap_or(i32::MAX)
}
