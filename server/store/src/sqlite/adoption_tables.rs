//! What taking over keys and taking over reports differ in.

use proto::Kind;
use proto::bundle::{Entry, TcnClass};
use rusqlite::{Transaction, params};

use crate::adoption::ADOPTED;
use crate::bundles::Member;
use crate::error::StoreError;
use crate::keys::{OnsetSource, Origin};

/// Inserts a member of a bundle, which is named by feed and sequence.
type Publish = fn(&Transaction<'_>, (i64, i64), bool, &Member) -> Result<(), StoreError>;

/// The statements of one kind.
pub(super) struct AdoptionTables {
    /// Lets wait again what a bundle (feed, sequence) carries and no other bundle of the feed does, to be released at the third parameter.
    pub(super) wait_again: &'static str,
    /// Deletes its publications.
    pub(super) unpublish: &'static str,
    /// Deletes a key or report from the fresh ones.
    pub(super) unfresh: &'static str,
    /// Deletes what waits in a feed of an identity, revised or not (third parameter).
    pub(super) claim: &'static str,
    /// Inserts a publication: feed and sequence, whether it is revised, the member.
    pub(super) publish: Publish,
    /// Inserts what a bundle tells of a key or report that is not known.
    pub(super) learn: fn(&Transaction<'_>, &Member) -> Result<(), StoreError>,
}

/// Those of a kind.
pub(super) fn adoption_tables(kind: Kind) -> &'static AdoptionTables {
    match kind {
        Kind::Gaen => &KEYS,
        Kind::Tcn => &REPORTS,
    }
}

const KEYS: AdoptionTables = AdoptionTables {
    wait_again: "-- gaen_waiting::wait_again
        INSERT INTO gaen_waiting (feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, policy_version, release_at)
        SELECT feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, policy_version, max(?3, ((rolling_start + rolling_period) * 600 + 7200 + 899) / 900 * 900)
        FROM gaen_publication AS sealed
        WHERE feed = ?1 AND sequence = ?2
        AND NOT EXISTS (SELECT 1 FROM gaen_publication AS other WHERE other.key = sealed.key AND other.feed = ?1
                        AND other.sequence <> ?2 AND other.revision >= sealed.revision)
        ORDER BY key, revision ON CONFLICT DO NOTHING",
    unpublish: "-- gaen_publication::give_way
        DELETE FROM gaen_publication WHERE feed = ?1 AND sequence = ?2",
    unfresh: "-- gaen_fresh::adopt
        DELETE FROM gaen_fresh WHERE key = ?1",
    claim: "-- gaen_waiting::adopt
        DELETE FROM gaen_waiting WHERE feed = ?1 AND key = ?2 AND (revision > 0) = ?3",
    publish: |tx, (feed, sequence), revised, member| {
        const SQL: &str = "-- gaen_publication::adopt
            INSERT INTO gaen_publication (feed, sequence, revised, class, key,
                rolling_start, rolling_period, transmission_risk, report_type, days_since_onset, revision, policy_version)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
                CASE WHEN ?3 THEN 1 + coalesce((SELECT max(revision) FROM gaen_publication WHERE feed = ?1 AND key = ?5), 0) ELSE 0 END, 0)";
        let Member::Gaen(entry) = member else { return Err(other_kind()) };
        let report_type = entry.report_type.ok_or_else(|| StoreError::Corrupt("report_type: is missing".into()))?;
        tx.prepare_cached(SQL)?.execute(params![
            feed,
            sequence,
            revised,
            entry.class(),
            entry.key.data(),
            entry.key.rolling_start().number(),
            entry.key.rolling_period(),
            entry.transmission_risk,
            report_type.export_value(),
            entry.days_since_onset,
        ])?;
        Ok(())
    },
    learn: |tx, member| {
        const SQL: &str = "-- gaen_key::adopt
            INSERT INTO gaen_key (key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type,
                onset, onset_source, authority, kid, origin, proof)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '', ?8, ?9, NULL) ON CONFLICT DO NOTHING";
        let Member::Gaen(entry) = member else { return Err(other_kind()) };
        let report_type = entry.report_type.ok_or_else(|| StoreError::Corrupt("report_type: is missing".into()))?;
        let onset = entry.key.rolling_start().midnight().plus(-144 * i64::from(entry.days_since_onset.unwrap_or(0)));
        tx.prepare_cached(SQL)?.execute(params![
            entry.key.data(),
            entry.key.rolling_start().number(),
            entry.key.rolling_period(),
            entry.transmission_risk,
            report_type.export_value(),
            onset.number(),
            OnsetSource::Assumed.number(),
            ADOPTED,
            Origin::Ours.number(),
        ])?;
        Ok(())
    },
};

const REPORTS: AdoptionTables = AdoptionTables {
    wait_again: "-- tcn_waiting::wait_again
        INSERT INTO tcn_waiting (feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, release_at)
        SELECT feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, ?3
        FROM tcn_publication AS sealed
        WHERE feed = ?1 AND sequence = ?2
        AND NOT EXISTS (SELECT 1 FROM tcn_publication AS other WHERE other.rvk = sealed.rvk AND other.feed = ?1
                        AND other.sequence <> ?2 AND other.revision >= sealed.revision)
        ORDER BY rvk, revision ON CONFLICT DO NOTHING",
    unpublish: "-- tcn_publication::give_way
        DELETE FROM tcn_publication WHERE feed = ?1 AND sequence = ?2",
    unfresh: "-- tcn_fresh::adopt
        DELETE FROM tcn_fresh WHERE rvk = ?1",
    claim: "-- tcn_waiting::adopt
        DELETE FROM tcn_waiting WHERE feed = ?1 AND rvk = ?2 AND (revision > 0) = ?3",
    publish: |tx, (feed, sequence), revised, member| {
        const SQL: &str = "-- tcn_publication::adopt
            INSERT INTO tcn_publication (feed, sequence, revised, class, rvk,
                signed_report, report_type, report_class, revision, policy_version)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
                CASE WHEN ?3 THEN 1 + coalesce((SELECT max(revision) FROM tcn_publication WHERE feed = ?1 AND rvk = ?5), 0) ELSE 0 END, 0)";
        let Member::Tcn(entry) = member else { return Err(other_kind()) };
        tx.prepare_cached(SQL)?.execute(params![
            feed,
            sequence,
            revised,
            entry.class(),
            entry.report.verification_key(),
            entry.report.as_bytes(),
            entry.report_type.export_value(),
            entry.class as u8,
        ])?;
        Ok(())
    },
    learn: |tx, member| {
        const SQL: &str = "-- tcn_report::adopt
            INSERT INTO tcn_report (rvk, signed_report, raw_report_type, authority, kid, origin)
            VALUES (?1, ?2, ?3, '', ?4, ?5) ON CONFLICT DO NOTHING";
        let Member::Tcn(entry) = member else { return Err(other_kind()) };
        let kid = if entry.class == TcnClass::SelfReported { "" } else { ADOPTED };
        let report_type = entry.report_type.export_value();
        let values = params![entry.report.verification_key(), entry.report.as_bytes(), report_type, kid, Origin::Ours.number()];
        tx.prepare_cached(SQL)?.execute(values)?;
        Ok(())
    },
};

fn other_kind() -> StoreError {
    StoreError::Corrupt("a member of another kind".into())
}
