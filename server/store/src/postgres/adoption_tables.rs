//! What taking over keys and taking over reports differ in.
//!
//! Rows are written in the order of their bytes. What is given is unnested to: whether it is revised, class, identity, and the published values.

use proto::Kind;
use proto::bundle::Entry;

use super::transaction::Param;
use crate::bundles::Member;
use crate::error::StoreError;

/// The statements of one kind.
pub(super) struct AdoptionTables {
    /// Lets wait again what a bundle (feed, sequence) carries and no other bundle of the feed does, to be released at `$3`.
    pub(super) wait_again: &'static str,
    /// Deletes its publications.
    pub(super) unpublish: &'static str,
    /// Inserts publications: feed, sequence, then [`Columns::params`].
    pub(super) publish: &'static str,
    /// Deletes the fresh rows of some identities.
    pub(super) unfresh: &'static str,
    /// Inserts what is not known of what is given: [`Columns::params`]. The key that signed the certificate is `adopted`, see
    /// [`crate::adoption::ADOPTED`].
    pub(super) learn: &'static str,
    /// Deletes what waits in a feed of some identities (`$2`), revised or not (`$3`).
    pub(super) claim: &'static str,
    /// Writes anew what waits of some identities.
    pub(super) shuffle: &'static str,
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
            days_since_onset, policy_version, greatest($3, ((rolling_start + rolling_period) * 600 + 7200 + 899) / 900 * 900)
        FROM gaen_publication AS sealed
        WHERE feed = $1 AND sequence = $2
        AND (SELECT true FROM gaen_publication AS other WHERE other.key = sealed.key AND other.feed = $1
             AND other.sequence <> $2 AND other.revision >= sealed.revision LIMIT 1) IS NULL
        ORDER BY key, revision ON CONFLICT DO NOTHING",
    unpublish: "-- gaen_publication::give_way
        DELETE FROM gaen_publication WHERE feed = $1 AND sequence = $2",
    publish: "-- gaen_publication::adopt
        INSERT INTO gaen_publication (feed, sequence, revised, class, key,
            rolling_start, rolling_period, transmission_risk, report_type, days_since_onset, revision, policy_version)
        SELECT $1, $2, revised, class, key, rolling_start, rolling_period, transmission_risk, report_type, days_since_onset,
            CASE WHEN revised
                THEN 1 + coalesce((SELECT max(revision) FROM gaen_publication AS sealed WHERE sealed.feed = $1 AND sealed.key = given.key), 0)
                ELSE 0 END, 0
        FROM unnest($3::boolean[], $4::bigint[], $5::bytea[], $6::bigint[], $7::smallint[], $8::smallint[], $9::smallint[], $10::smallint[])
            AS given (revised, class, key, rolling_start, rolling_period, transmission_risk, report_type, days_since_onset)
        ORDER BY revised, class, key",
    unfresh: "-- gaen_fresh::adopt
        DELETE FROM gaen_fresh USING unnest($1::bytea[]) AS given (key) WHERE gaen_fresh.key = given.key",
    learn: "-- gaen_kept::adopt
        INSERT INTO gaen_kept (key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type,
            onset, onset_source, authority, kid, origin, proof)
        SELECT DISTINCT ON (key) key, rolling_start, rolling_period, transmission_risk, report_type,
            (rolling_start / 144 - coalesce(days_since_onset, 0)) * 144, 3, '', 'adopted', 1, NULL::bigint
        FROM unnest($1::boolean[], $2::bigint[], $3::bytea[], $4::bigint[], $5::smallint[], $6::smallint[], $7::smallint[], $8::smallint[])
            AS given (revised, class, key, rolling_start, rolling_period, transmission_risk, report_type, days_since_onset)
        WHERE (SELECT true FROM gaen_key AS known WHERE known.key = given.key) IS NULL
        ORDER BY key, revised",
    claim: "-- gaen_waiting::adopt
        DELETE FROM gaen_waiting AS waiting USING unnest($2::bytea[], $3::boolean[]) AS given (key, revised)
        WHERE waiting.feed = $1 AND waiting.key = given.key AND (waiting.revision > 0) = given.revised",
    shuffle: "-- gaen_waiting::adopt (shuffle)
        WITH moved AS (
            DELETE FROM gaen_waiting USING unnest($1::bytea[]) AS given (key)
            WHERE gaen_waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND gaen_waiting.key = given.key RETURNING gaen_waiting.*
        )
        INSERT INTO gaen_waiting (feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, policy_version, release_at)
        SELECT feed, key, revision, class, rolling_start, rolling_period, transmission_risk, report_type,
            days_since_onset, policy_version, release_at
        FROM moved ORDER BY feed, key, revision",
};

const REPORTS: AdoptionTables = AdoptionTables {
    wait_again: "-- tcn_waiting::wait_again
        INSERT INTO tcn_waiting (feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, release_at)
        SELECT feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, $3::bigint
        FROM tcn_publication AS sealed
        WHERE feed = $1 AND sequence = $2
        AND (SELECT true FROM tcn_publication AS other WHERE other.rvk = sealed.rvk AND other.feed = $1
             AND other.sequence <> $2 AND other.revision >= sealed.revision LIMIT 1) IS NULL
        ORDER BY rvk, revision ON CONFLICT DO NOTHING",
    unpublish: "-- tcn_publication::give_way
        DELETE FROM tcn_publication WHERE feed = $1 AND sequence = $2",
    publish: "-- tcn_publication::adopt
        INSERT INTO tcn_publication (feed, sequence, revised, class, rvk,
            signed_report, report_type, report_class, revision, policy_version)
        SELECT $1, $2, revised, class, rvk, signed_report, report_type, report_class,
            CASE WHEN revised
                THEN 1 + coalesce((SELECT max(revision) FROM tcn_publication AS sealed WHERE sealed.feed = $1 AND sealed.rvk = given.rvk), 0)
                ELSE 0 END, 0
        FROM unnest($3::boolean[], $4::bigint[], $5::bytea[], $6::bytea[], $7::smallint[], $8::smallint[])
            AS given (revised, class, rvk, signed_report, report_type, report_class)
        ORDER BY revised, class, rvk",
    unfresh: "-- tcn_fresh::adopt
        DELETE FROM tcn_fresh USING unnest($1::bytea[]) AS given (rvk) WHERE tcn_fresh.rvk = given.rvk",
    learn: "-- tcn_kept::adopt
        INSERT INTO tcn_kept (rvk, signed_report, raw_report_type, authority, kid, origin)
        SELECT DISTINCT ON (rvk) rvk, signed_report, report_type, '', CASE report_class WHEN 2 THEN '' ELSE 'adopted' END, 1
        FROM unnest($1::boolean[], $2::bigint[], $3::bytea[], $4::bytea[], $5::smallint[], $6::smallint[])
            AS given (revised, class, rvk, signed_report, report_type, report_class)
        WHERE (SELECT true FROM tcn_report AS known WHERE known.rvk = given.rvk) IS NULL
        ORDER BY rvk, revised",
    claim: "-- tcn_waiting::adopt
        DELETE FROM tcn_waiting AS waiting USING unnest($2::bytea[], $3::boolean[]) AS given (rvk, revised)
        WHERE waiting.feed = $1 AND waiting.rvk = given.rvk AND (waiting.revision > 0) = given.revised",
    shuffle: "-- tcn_waiting::adopt (shuffle)
        WITH moved AS (
            DELETE FROM tcn_waiting USING unnest($1::bytea[]) AS given (rvk)
            WHERE tcn_waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND tcn_waiting.rvk = given.rvk RETURNING tcn_waiting.*
        )
        INSERT INTO tcn_waiting (feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, release_at)
        SELECT feed, rvk, revision, class, signed_report, report_type, report_class, policy_version, release_at
        FROM moved ORDER BY feed, rvk, revision",
};

/// Members as arrays, one a column. Those that only one kind has are empty for the other.
#[derive(Default)]
pub(super) struct Columns<'a> {
    revised: Vec<bool>,
    class: Vec<i64>,
    identity: Vec<&'a [u8]>,
    rolling_start: Vec<i64>,
    rolling_period: Vec<i16>,
    transmission_risk: Vec<i16>,
    days_since_onset: Vec<Option<i16>>,
    signed_report: Vec<&'a [u8]>,
    report_class: Vec<i16>,
    report_type: Vec<i16>,
}

impl<'a> Columns<'a> {
    /// The columns of some members, all of one kind.
    pub(super) fn of(members: &'a [(bool, Member)]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        members.iter().try_for_each(|(revised, member)| columns.push(*revised, member))?;
        Ok(columns)
    }

    fn push(&mut self, revised: bool, member: &'a Member) -> Result<(), StoreError> {
        self.revised.push(revised);
        match member {
            Member::Gaen(entry) => {
                let report_type =
                    entry.report_type.ok_or_else(|| StoreError::Corrupt("report_type: is missing".into()))?;
                self.class.push(entry.class());
                self.identity.push(entry.key.data());
                self.rolling_start.push(entry.key.rolling_start().number().into());
                self.rolling_period.push(entry.key.rolling_period().into());
                self.transmission_risk.push(entry.transmission_risk.into());
                self.report_type.push(report_type.export_value().into());
                self.days_since_onset.push(entry.days_since_onset.map(i16::from));
            }
            Member::Tcn(entry) => {
                self.class.push(entry.class());
                self.identity.push(entry.report.verification_key());
                self.signed_report.push(entry.report.as_bytes());
                self.report_type.push(entry.report_type.export_value().into());
                self.report_class.push(i16::from(entry.class as u8));
            }
        }
        Ok(())
    }

    /// All columns of their kind, in the order in which they are unnested.
    pub(super) fn params(&self) -> Vec<Param<'_>> {
        let mut params: Vec<Param<'_>> = vec![&self.revised, &self.class, &self.identity];
        if self.rolling_start.is_empty() {
            params.extend::<[Param<'_>; 3]>([&self.signed_report, &self.report_type, &self.report_class]);
        } else {
            let values: [Param<'_>; 5] = [
                &self.rolling_start,
                &self.rolling_period,
                &self.transmission_risk,
                &self.report_type,
                &self.days_since_onset,
            ];
            params.extend(values);
        }
        params
    }

    /// The identities.
    pub(super) fn identities(&self) -> Param<'_> {
        &self.identity
    }

    /// Whether each is a revised one.
    pub(super) fn revised(&self) -> Param<'_> {
        &self.revised
    }
}
