//! What is counted of uploads, per authority and UTC day of receipt: how many people uploaded, how much, and how late.
//!
//! Nobody counts by itself: a count is part of the transaction that writes an upload, so that it is right however often an upload is repeated or cut
//! short. People are counted rather than requests: an upload counts as a person's if nothing of it was known before, since who adds to earlier keys
//! was counted with those. Uploads of peers, and reports without a certificate, are not counted here.

use async_trait::async_trait;
use proto::{Interval, Timestamp};

use crate::counters::Day;
use crate::error::StoreError;
use crate::keys::{AcceptedKey, OnsetSource, Origin, Provenance};

/// How many cells the distribution of ages has: 0 to 14 days, and all that is older.
pub const AGES: usize = 16;
/// How many cells the distribution of onsets has: 0 to 28 days before the upload, and all that is longer ago.
pub const ONSETS: usize = 30;

/// What people uploaded to an authority on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadDay {
    /// When it was received.
    pub day: Day,
    /// People who uploaded keys: uploads of which no key was known before.
    pub key_uploads: u64,
    /// Keys that were new, whosesoever.
    pub keys: u64,
    /// People who revised their keys.
    pub revisions: u64,
    /// The same people as [`key_uploads`](Self::key_uploads), by how many days their oldest key was old.
    pub ages: [u64; AGES],
    /// Those of them who said when their symptoms began, by how many days before.
    pub onsets: [u64; ONSETS],
    /// Those who did not.
    pub onset_unknown: u64,
    /// People who uploaded reports under a certificate.
    pub report_uploads: u64,
    /// Reports that were new.
    pub reports: u64,
}

/// What was counted of uploads.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// What was counted for an authority on the days from `from` to `to`, both included, in their order. A day without any count is left out.
    async fn upload_days(&self, authority: &str, from: Day, to: Day) -> Result<Vec<UploadDay>, StoreError>;

    /// Deletes at most `limit` rows of days before `oldest`; how many. Call again until none.
    async fn forget_upload_days(&self, oldest: Day, limit: u32) -> Result<u64, StoreError>;
}

impl UploadDay {
    /// A day on which nothing happened.
    pub const fn new(day: Day) -> Self {
        Self {
            day,
            key_uploads: 0,
            keys: 0,
            revisions: 0,
            ages: [0; AGES],
            onsets: [0; ONSETS],
            onset_unknown: 0,
            report_uploads: 0,
            reports: 0,
        }
    }
}

/// Where an upload of keys is counted if it is a person's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cells {
    /// Which of [`UploadDay::ages`].
    pub(crate) age: usize,
    /// Which of [`UploadDay::onsets`], or the number of these for [`UploadDay::onset_unknown`].
    pub(crate) onset: usize,
}

impl Cells {
    /// The cells of an upload: the age of its oldest key, and the onset, which all its keys share.
    pub(crate) fn of<'a>(keys: impl IntoIterator<Item = &'a AcceptedKey>, received: Timestamp) -> Self {
        let today = Interval::containing(received);
        let (mut age, mut onset) = (0, ONSETS);
        for key in keys {
            age = age.max(days_between(key.published.key.rolling_start(), today));
            if key.raw.onset_source != OnsetSource::Assumed {
                onset = days_between(key.raw.onset, today).min(ONSETS - 1);
            }
        }
        Self { age: age.min(AGES - 1), onset }
    }
}

/// Whole UTC days from one day to another, none if it is the other way round.
fn days_between(from: Interval, to: Interval) -> usize {
    usize::try_from(to.days_since(from)).unwrap_or(0)
}

/// The day for which an upload is counted; none if it is not counted: a peer's, or one without a certificate.
pub(crate) fn counted_on(provenance: &Provenance) -> Option<Day> {
    let counts = provenance.origin == Origin::Ours && !provenance.kid.is_empty();
    counts.then(|| Day::containing(provenance.received))
}

#[cfg(test)]
mod tests {
    use proto::ReportType;
    use proto::bundle::GaenEntry;
    use proto::gaen::TemporaryExposureKey;

    use super::*;
    use crate::keys::{RawKey, RevisionProof};

    /// Noon of a day.
    const NOON: Timestamp = Timestamp::from_unix(20_778 * 86_400 + 43_200);

    /// A key that began so many days before, with an onset of so many days before by somebody's word.
    fn key(age: i64, onset: i64, onset_source: OnsetSource) -> AcceptedKey {
        let day = |before: i64| Interval::containing(NOON.plus(-86_400 * before)).midnight();
        let key = TemporaryExposureKey::new(&[1; 16], day(age).number().into(), 144).expect("a key");
        let report_type = ReportType::Confirmed;
        AcceptedKey {
            raw: RawKey {
                transmission_risk: 1,
                report_type,
                onset: day(onset),
                onset_source,
                proof: RevisionProof([0; 8]),
            },
            published: GaenEntry { key, transmission_risk: 1, report_type: Some(report_type), days_since_onset: None },
            release_at: NOON,
        }
    }

    #[test]
    fn an_upload_stands_in_one_cell_of_each_distribution() {
        let cells = |ages: &[i64], onset, source| {
            let keys: Vec<_> = ages.iter().map(|age| key(*age, onset, source)).collect();
            let Cells { age, onset } = Cells::of(&keys, NOON);
            (age, onset)
        };
        assert_eq!(cells(&[0, 13, 5], 4, OnsetSource::Request), (13, 4));
        assert_eq!(cells(&[0], 0, OnsetSource::Certificate), (0, 0));
        assert_eq!(cells(&[15], 29, OnsetSource::Certificate), (15, 29));
        assert_eq!(cells(&[17], 400, OnsetSource::Certificate), (15, 29), "and all that is older");
        assert_eq!(cells(&[1], 4, OnsetSource::Assumed), (1, ONSETS), "nobody said");
        // Clocks differ: an onset of tomorrow is one of today.
        assert_eq!(cells(&[-1], -1, OnsetSource::Request), (0, 0));
    }

    #[test]
    fn peers_and_people_without_a_certificate_are_not_counted() {
        let provenance = |origin, kid: &str| Provenance {
            authority: "fhi".to_owned(),
            kid: kid.to_owned(),
            origin,
            received: NOON,
            policy_version: 1,
        };
        assert_eq!(counted_on(&provenance(Origin::Ours, "a-kid")), Some(Day::new(20_778)));
        assert_eq!(counted_on(&provenance(Origin::Peer, "a-kid")), None);
        assert_eq!(counted_on(&provenance(Origin::Ours, "")), None);
    }
}
