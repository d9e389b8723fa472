//! One synthetic person: onset, report type, a run of days, and the keys that such a person's phone uploads.

use proto::bundle::GaenEntry;
use proto::gaen::TemporaryExposureKey;
use proto::interval::INTERVALS_PER_DAY;
use proto::{Interval, Malformed, ReportType, Timestamp};
use rand::{CryptoRng, RngExt};
use store::{AcceptedKey, OnsetSource, RawKey, RevisionProof, release_at};

use super::shapes::{MAX_DISTANCE, Shapes};

/// Somebody, as a server's rules would see their upload.
#[derive(Debug, Clone)]
pub struct Person {
    /// When they upload.
    pub received: Timestamp,
    /// What their certificate says.
    pub report_type: ReportType,
    /// The day of their onset.
    pub onset: Interval,
    /// Who named it.
    pub onset_source: OnsetSource,
    /// Their keys that are published, the youngest first.
    pub keys: Vec<FillerKey>,
}

/// One of their keys, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillerKey {
    /// How many days before the upload it began.
    pub slot: u8,
    /// Its first interval.
    pub rolling_start: Interval,
    /// How many intervals it has.
    pub rolling_period: u8,
    /// The risk that the phone sends.
    pub transmission_risk: u8,
}

impl Person {
    /// Draws somebody who uploads at a moment; none if all their keys lie too far from their onset, as now and then somebody's do.
    pub fn draw(shapes: &Shapes, received: Timestamp, rng: &mut impl CryptoRng) -> Option<Self> {
        let (sort, run, offset) = (shapes.sort(rng), shapes.run(rng), shapes.offset(rng));
        let (has_today, is_cut) = (rng.random::<f64>() < shapes.today, rng.random::<f64>() < shapes.cut);
        let place = rng.random::<f64>();
        let now = Interval::containing(received);
        let today = now.midnight();
        let days_ago = |days: i64| today.plus(-days * i64::from(INTERVALS_PER_DAY));
        let onset = days_ago(sort.onset_age.into());
        let mut keys = Vec::with_capacity(usize::from(run) + 1);
        for slot in 0..=run {
            let rolling_start = days_ago(slot.into()).plus(offset.into());
            let whole = shapes.period(rng);
            let rolling_period = match slot {
                0 if !has_today || rolling_start > now => continue,
                0 if is_cut => u8::try_from(now.number() - rolling_start.number()).unwrap_or(whole).max(1),
                0 => INTERVALS_PER_DAY as u8,
                _ => whole,
            };
            let days = rolling_start.days_since(onset);
            if days.abs() <= MAX_DISTANCE {
                let transmission_risk = shapes.risk(sort, days, place);
                keys.push(FillerKey { slot, rolling_start, rolling_period, transmission_risk });
            }
        }
        let report_type = ReportType::from_export_value(sort.report_type.into())?;
        let onset_source = sort.source();
        (!keys.is_empty()).then_some(Self { received, report_type, onset, onset_source, keys })
    }

    /// The same person with the first key alone that may be released at a moment, for a gap that nobody else fits into; none without such a key.
    pub(super) fn alone(mut self, now: Timestamp) -> Option<Self> {
        let end = |key: &FillerKey| key.rolling_start.plus(key.rolling_period.into());
        self.keys.retain(|key| release_at(end(key), self.received) <= now);
        self.keys.truncate(1);
        (!self.keys.is_empty()).then_some(self)
    }

    /// Their keys as they are accepted; the bytes come from `data`, by slot.
    ///
    /// # Errors
    /// None that the draw leaves room for.
    pub fn accepted(
        &self,
        data: impl Fn(u8) -> [u8; 16],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<AcceptedKey>, Malformed> {
        self.keys.iter().map(|key| self.accept(key, data(key.slot), rng)).collect()
    }

    fn accept(&self, key: &FillerKey, data: [u8; 16], rng: &mut impl CryptoRng) -> Result<AcceptedKey, Malformed> {
        let tek = TemporaryExposureKey::new(&data, key.rolling_start.number().into(), i64::from(key.rolling_period))?;
        // As good as that of any phone: nobody can tell it from one, and nobody has what it would follow from.
        let mut proof = RevisionProof::default();
        rng.fill_bytes(&mut proof.0);
        let raw = RawKey {
            transmission_risk: key.transmission_risk,
            report_type: self.report_type,
            onset: self.onset,
            onset_source: self.onset_source,
            proof,
        };
        Ok(AcceptedKey {
            raw,
            published: publish(tek, &raw),
            release_at: release_at(tek.validity_end(), self.received),
        })
    }
}

/// What is published of a key of which this is said: the server's rules.
pub(super) fn publish(key: TemporaryExposureKey, raw: &RawKey) -> GaenEntry {
    let transmission_risk = match (raw.transmission_risk, raw.report_type) {
        (0, ReportType::Confirmed) => 2,
        (0, ReportType::Likely) => 4,
        (0, ReportType::Negative) => 6,
        (risk, _) => risk,
    };
    let days = key.rolling_start().days_since(raw.onset);
    GaenEntry {
        key,
        transmission_risk,
        report_type: Some(raw.report_type),
        days_since_onset: i8::try_from(days).ok().filter(|days| i32::from(days.abs()) <= MAX_DISTANCE),
    }
}
