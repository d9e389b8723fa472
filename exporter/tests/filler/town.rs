//! People of a town, who are not as the exporter would guess: their apps, their onsets and their phones differ.

use proto::bundle::GaenEntry;
use proto::gaen::TemporaryExposureKey;
use proto::{Interval, ReportType, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use store::{AcceptedKey, OnsetSource, RawKey, RevisionProof, release_at};

/// A day, in intervals.
const DAY: i64 = 144;

/// Somebody's upload, judged by the server's rules; none if nothing of it is left. Types: confirmed and likely, and a few who say so themselves. Six of
/// ten apps send no risk, the others one that depends on the day. Three of ten people name no onset.
pub(crate) fn upload(received: Timestamp, rng: &mut StdRng) -> Option<Vec<AcceptedKey>> {
    let report_type = match rng.random_range(0..100) {
        0..80 => ReportType::Confirmed,
        80..95 => ReportType::Likely,
        _ => ReportType::UserReport,
    };
    upload_of(report_type, received, rng)
}

/// The same, of a report type.
pub(crate) fn upload_of(report_type: ReportType, received: Timestamp, rng: &mut StdRng) -> Option<Vec<AcceptedKey>> {
    let (onset_source, days) = match rng.random_range(0..10) {
        0..3 => (OnsetSource::Assumed, 4),
        3..5 => (OnsetSource::Request, (rng.random_range(0..4) + rng.random_range(0..4))),
        _ => (OnsetSource::Certificate, 1 + rng.random_range(0..3) * rng.random_range(1..6)),
    };
    let silent = rng.random_range(0..10) < 6;
    let run = if rng.random_range(0..10) < 7 { 14 } else { rng.random_range(3..14) };
    let today = Interval::containing(received).midnight();
    let onset = today.plus(-DAY * days);
    let first = i64::from(rng.random_range(0..10) < 2);
    let accepted = (first..=run).filter_map(|age| {
        let start = today.plus(-DAY * age);
        let days = i8::try_from(start.days_since(onset)).ok().filter(|days| days.abs() <= 14)?;
        let period = if age > 0 && rng.random_range(0..20) == 0 { rng.random_range(60..144) } else { 144 };
        let data: [u8; 16] = rng.random();
        let key = TemporaryExposureKey::new(&data, start.number().into(), period).expect("a key");
        let risk = if silent { 0 } else { (5 - i16::from(days.abs()) / 3).max(1) as u8 };
        let mut proof = RevisionProof::default();
        rng.fill_bytes(&mut proof.0);
        let raw = RawKey { transmission_risk: risk, report_type, onset, onset_source, proof };
        Some(AcceptedKey {
            raw,
            published: publish(key, &raw, days),
            release_at: release_at(key.validity_end(), received),
        })
    });
    let accepted: Vec<_> = accepted.collect();
    (!accepted.is_empty()).then_some(accepted)
}

fn publish(key: TemporaryExposureKey, raw: &RawKey, days: i8) -> GaenEntry {
    let transmission_risk = match (raw.transmission_risk, raw.report_type) {
        (0, ReportType::Confirmed) => 2,
        (0, ReportType::Likely) => 4,
        (0, ReportType::Negative) => 6,
        (risk, _) => risk,
    };
    GaenEntry { key, transmission_risk, report_type: Some(raw.report_type), days_since_onset: Some(days) }
}

/// What the same person says of their keys later: another report type, by the same rules.
pub(crate) fn revised(keys: &[AcceptedKey], to: ReportType, received: Timestamp) -> Vec<AcceptedKey> {
    let say = |known: &AcceptedKey| {
        let onset = match known.raw.onset_source {
            OnsetSource::Assumed => Interval::containing(received).midnight().plus(-DAY * 4),
            OnsetSource::Request | OnsetSource::Certificate => known.raw.onset,
        };
        let key = known.published.key;
        let days = key.rolling_start().days_since(onset);
        let days = i8::try_from(days).ok().filter(|days| days.abs() <= 14)?;
        let raw = RawKey { report_type: to, onset, ..known.raw };
        Some(AcceptedKey {
            raw,
            published: publish(key, &raw, days),
            release_at: release_at(key.validity_end(), received),
        })
    };
    keys.iter().filter_map(say).collect()
}
