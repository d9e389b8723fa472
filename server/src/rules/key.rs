//! What makes a GAEN key fit for publication.

use std::collections::HashSet;

use proto::api::base64;
use proto::api::publish::{ExposureKey, PublishRequest};
use proto::bundle::GaenEntry;
use proto::certificate::Claims;
use proto::gaen::TemporaryExposureKey;
use proto::{Interval, Malformed, ReportType, Timestamp};
use store::{AcceptedKey, RawKey, release_at};

use super::onset::Onset;
use super::verdict::{Refusal, Refused, Verdict};

/// The list in which keys stand, as in the request.
const LIST: &str = "temporaryExposureKeys";
/// A key is accepted while its validity ended at most this many seconds ago: 15 days.
const MAX_AGE: i64 = 15 * 86_400;
/// The highest transmission risk level of the export format.
const MAX_RISK: u8 = 8;
/// A phone may replace the key of the day when it reports, but not all the time.
const MAX_SAME_START: usize = 3;

/// Judges every key of an upload.
///
/// # Errors
/// If the upload as a whole cannot be true: good keys that overlap without sharing their start, more than three with one start, or not a
/// single key that is not bad.
pub(crate) fn judge_keys(
    request: &PublishRequest,
    claims: &Claims,
    now: Timestamp,
) -> Result<Verdict<AcceptedKey>, Refusal> {
    let onset = Onset::decide(request.symptom_onset_interval, claims.symptom_onset, now);
    let mut verdict = Verdict::new();
    let good = sort_out_bad(&request.temporary_exposure_keys, &mut verdict, now);
    refuse_overlap(&good)?;
    for Candidate { position, key, risk } in good {
        let Some(days_since_onset) = onset.days_until(&key) else {
            verdict.warnings.push(format!("{LIST}[{position}] is more than 14 days from the onset and was dropped"));
            continue;
        };
        let raw = RawKey {
            transmission_risk: risk,
            report_type: claims.report_type,
            onset: onset.day,
            onset_source: onset.source,
        };
        let published = GaenEntry {
            key,
            transmission_risk: published_risk(risk, claims.report_type),
            report_type: Some(claims.report_type),
            days_since_onset: Some(days_since_onset),
        };
        verdict.accepted.push(AcceptedKey { raw, published, release_at: release_at(key.validity_end(), now) });
    }
    verdict.unless_all_bad()
}

/// A key that is not bad in itself.
struct Candidate {
    position: usize,
    key: TemporaryExposureKey,
    risk: u8,
}

/// Notes the bad keys in the verdict and returns the others. The second of two keys with the same 16 bytes is a bad one: a key has one start
/// and one period.
fn sort_out_bad(sent: &[ExposureKey], verdict: &mut Verdict<AcceptedKey>, now: Timestamp) -> Vec<Candidate> {
    let mut seen = HashSet::new();
    let mut good = Vec::with_capacity(sent.len());
    for (position, sent) in sent.iter().enumerate() {
        let read = read(sent, now).and_then(|(key, risk)| {
            if seen.insert(*key.data()) {
                Ok(Candidate { position, key, risk })
            } else {
                Err(Malformed::new("key", "stands in this upload already"))
            }
        });
        match read {
            Ok(candidate) => good.push(candidate),
            Err(why) => verdict.refused.push(Refused { list: LIST, position, why }),
        }
    }
    good
}

/// Reads one key and checks what can be said of it alone.
fn read(sent: &ExposureKey, now: Timestamp) -> Result<(TemporaryExposureKey, u8), Malformed> {
    let data = base64::decode("key", &sent.key)?;
    let key = TemporaryExposureKey::new(&data, sent.rolling_start_number, sent.rolling_period)?;
    if key.validity_end() < Interval::containing(now.plus(-MAX_AGE)) {
        return Err(Malformed::new("rollingStartNumber", "must not end its period more than 15 days ago"));
    }
    if key.rolling_start() > Interval::containing(now) {
        return Err(Malformed::new("rollingStartNumber", "must not lie in the future"));
    }
    let risk = u8::try_from(sent.transmission_risk).ok().filter(|risk| *risk <= MAX_RISK);
    let risk = risk.ok_or_else(|| Malformed::new("transmissionRisk", "must be 0 to 8"))?;
    Ok((key, risk))
}

/// A phone broadcasts one key at a time. Only when it reports does it start a new key in a period that has begun, with the same start.
fn refuse_overlap(keys: &[Candidate]) -> Result<(), Malformed> {
    let mut spans: Vec<_> = keys.iter().map(|c| (c.key.rolling_start(), c.key.validity_end())).collect();
    spans.sort_unstable();
    for same_start in spans.chunk_by(|a, b| a.0 == b.0) {
        if same_start.len() > MAX_SAME_START {
            return Err(Malformed::new(LIST, "must not hold more than 3 keys with one rollingStartNumber"));
        }
    }
    // Sorted by start and then by end: between neighbours of different start, the first is the longest of its start.
    let overlap = spans.windows(2).any(|pair| pair[0].0 != pair[1].0 && pair[0].1 > pair[1].0);
    if overlap {
        return Err(Malformed::new(LIST, "must not overlap unless they share their rollingStartNumber"));
    }
    Ok(())
}

/// Risk 0 is "not set": phones would ignore it, so it is filled in by report type. A person's own report is left at 0: no level is
/// customary for it, and phones judge it by its report type.
const fn published_risk(risk: u8, report_type: ReportType) -> u8 {
    match (risk, report_type) {
        (0, ReportType::Confirmed) => 2,
        (0, ReportType::Likely) => 4,
        (0, ReportType::Negative) => 6,
        _ => risk,
    }
}
