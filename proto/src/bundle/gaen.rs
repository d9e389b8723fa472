//! A key as it stands in a GAEN bundle (GAEN export format, message `TemporaryExposureKey`).

use crate::bundle::Entry;
use crate::bundle::wire;
use crate::error::Malformed;
use crate::feed::Kind;
use crate::gaen::TemporaryExposureKey;
use crate::interval::INTERVALS_PER_DAY;
use crate::report_type::ReportType;

const KEY_DATA: u32 = 1;
const TRANSMISSION_RISK_LEVEL: u32 = 2;
const ROLLING_START_INTERVAL_NUMBER: u32 = 3;
const ROLLING_PERIOD: u32 = 4;
const REPORT_TYPE: u32 = 5;
const DAYS_SINCE_ONSET_OF_SYMPTOMS: u32 = 6;

/// The highest `transmission_risk_level`.
const MAX_RISK: u8 = 8;
/// `days_since_onset_of_symptoms` goes as far as this to either side.
const MAX_DAYS: i8 = 14;
/// The highest value of `report_type`, REVOKED.
const MAX_REPORT_TYPE: i32 = 5;

/// A key as published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GaenEntry {
    /// The key.
    pub key: TemporaryExposureKey,
    /// `transmission_risk_level`, 0 to 8.
    pub transmission_risk: u8,
    /// `report_type`. Ours always have one; bundles of others may leave it out, or hold one that we do not publish (UNKNOWN, RECURSIVE).
    pub report_type: Option<ReportType>,
    /// `days_since_onset_of_symptoms`, -14 to 14; bundles of others may leave it out.
    pub days_since_onset: Option<i8>,
}

impl Entry for GaenEntry {
    const KIND: Kind = Kind::Gaen;

    /// From the most to the least significant bit: report type, days since onset, risk, rolling start, rolling period; what is left out
    /// comes first.
    fn class(&self) -> i64 {
        let report_type = self.report_type.map_or(0, ReportType::export_value);
        let days = self.days_since_onset.map_or(0, |days| i64::from(days.clamp(-MAX_DAYS, MAX_DAYS)) + 15);
        let risk = i64::from(self.transmission_risk.min(MAX_RISK));
        let start = i64::from(self.key.rolling_start().number());
        let outer = (i64::from(report_type) << 5 | days) << 4 | risk;
        (outer << 32 | start) << 8 | i64::from(self.key.rolling_period())
    }

    fn order_bytes(&self) -> &[u8] {
        self.key.data()
    }

    fn withdrawal(&self) -> Option<[u8; 32]> {
        None
    }

    /// Tags 1 to 4 are always written, whatever their defaults: some phones drop a whole file when one is missing.
    fn encode(&self, field: u32, out: &mut Vec<u8>) -> Result<(), Malformed> {
        self.check()?;
        // The length stands before the message; it is below 128 and so fits the byte that is set when it is known.
        wire::put_length(out, field, 0);
        let begin = out.len();
        wire::put_bytes(out, KEY_DATA, self.key.data());
        wire::put_number(out, TRANSMISSION_RISK_LEVEL, self.transmission_risk.into());
        wire::put_number(out, ROLLING_START_INTERVAL_NUMBER, self.key.rolling_start().number().into());
        wire::put_number(out, ROLLING_PERIOD, self.key.rolling_period().into());
        if let Some(report_type) = self.report_type {
            wire::put_number(out, REPORT_TYPE, report_type.export_value().into());
        }
        if let Some(days) = self.days_since_onset {
            wire::put_number(out, DAYS_SINCE_ONSET_OF_SYMPTOMS, wire::zigzag(days.into()));
        }
        out[begin - 1] = (out.len() - begin) as u8;
        Ok(())
    }
}

impl GaenEntry {
    /// Checks that its values are in the ranges that phones take.
    ///
    /// # Errors
    /// Names the field that is out of its range.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.transmission_risk > MAX_RISK {
            return Err(Malformed::new("transmission_risk_level", "must be 0 to 8"));
        }
        if self.days_since_onset.is_some_and(|days| !(-MAX_DAYS..=MAX_DAYS).contains(&days)) {
            return Err(Malformed::new("days_since_onset_of_symptoms", "must be -14 to 14"));
        }
        Ok(())
    }

    /// Reads one message, with the eyes of the strictest phone: fields 1, 3 and 4 must be there, and every value in its range. As
    /// everywhere in this format, the last of several values counts and unknown fields are skipped.
    pub(super) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut read = Read::default();
        for field in wire::fields(message) {
            let field = field?;
            match field.number {
                KEY_DATA => read.data = Some(field.bytes("key_data")?),
                TRANSMISSION_RISK_LEVEL => read.risk = field.int32("transmission_risk_level")?,
                ROLLING_START_INTERVAL_NUMBER => read.start = Some(field.int32("rolling_start_interval_number")?),
                ROLLING_PERIOD => read.period = Some(field.int32("rolling_period")?),
                REPORT_TYPE => read.report_type = Some(field.int32("report_type")?),
                DAYS_SINCE_ONSET_OF_SYMPTOMS => read.days = Some(field.sint32("days_since_onset_of_symptoms")?),
                _ => {}
            }
        }
        read.believe()
    }
}

/// What stood in the message, before its ranges are checked.
#[derive(Default)]
struct Read<'a> {
    data: Option<&'a [u8]>,
    risk: i32,
    start: Option<i32>,
    period: Option<i32>,
    report_type: Option<i32>,
    days: Option<i32>,
}

impl Read<'_> {
    fn believe(self) -> Result<GaenEntry, Malformed> {
        let data = self.data.filter(|data| data.len() == 16);
        let data = data.ok_or_else(|| Malformed::new("key_data", "must be 16 bytes"))?;
        let start = self.start.filter(|start| *start >= 0);
        let start = start.ok_or_else(|| Malformed::new("rolling_start_interval_number", "must be there, 0 or more"))?;
        let period = self.period.filter(|period| (1..=INTERVALS_PER_DAY.cast_signed()).contains(period));
        let period = period.ok_or_else(|| Malformed::new("rolling_period", "must be there, 1 to 144"))?;
        if self.report_type.is_some_and(|value| !(0..=MAX_REPORT_TYPE).contains(&value)) {
            return Err(Malformed::new("report_type", "must be 0 to 5"));
        }
        let entry = GaenEntry {
            key: TemporaryExposureKey::new(data, start.into(), period.into())?,
            // What does not fit the type is outside of the range, too.
            transmission_risk: self.risk.try_into().unwrap_or(u8::MAX),
            report_type: self.report_type.and_then(|value| ReportType::from_export_value(value.into())),
            days_since_onset: self.days.map(|days| days.try_into().unwrap_or(i8::MAX)),
        };
        entry.check()?;
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated;
    use proptest::prelude::*;
    use prost::Message;

    fn entry() -> impl Strategy<Value = GaenEntry> {
        let key = (any::<[u8; 16]>(), 0..=i64::from(i32::MAX), 1..=144_i64);
        let report_type = prop::option::of(prop::sample::select(ReportType::ALL.to_vec()));
        (key, 0..=8_u8, report_type, prop::option::of(-14..=14_i8)).prop_map(|(key, risk, report_type, days)| {
            GaenEntry {
                key: TemporaryExposureKey::new(&key.0, key.1, key.2).expect("in range"),
                transmission_risk: risk,
                report_type,
                days_since_onset: days,
            }
        })
    }

    /// The same entry as a message of prost.
    fn message(entry: &GaenEntry) -> generated::TemporaryExposureKey {
        generated::TemporaryExposureKey {
            key_data: Some(entry.key.data().to_vec()),
            transmission_risk_level: Some(entry.transmission_risk.into()),
            rolling_start_interval_number: Some(entry.key.rolling_start().number().cast_signed()),
            rolling_period: Some(entry.key.rolling_period().into()),
            report_type: entry.report_type.map(|kind| kind.export_value().into()),
            days_since_onset_of_symptoms: entry.days_since_onset.map(i32::from),
        }
    }

    proptest! {
        #[test]
        fn a_key_is_encoded_as_prost_does(entry in entry(), revised: bool) {
            let mut ours = Vec::new();
            entry.encode(if revised { 8 } else { 7 }, &mut ours).expect("in range");
            let keys = vec![message(&entry)];
            let theirs = if revised {
                generated::TemporaryExposureKeyExport { revised_keys: keys, ..Default::default() }
            } else {
                generated::TemporaryExposureKeyExport { keys, ..Default::default() }
            };
            prop_assert_eq!(ours, theirs.encode_to_vec());
        }

        #[test]
        fn an_encoded_key_comes_back(entry in entry()) {
            prop_assert_eq!(GaenEntry::decode(&message(&entry).encode_to_vec()), Ok(entry));
        }

        #[test]
        fn a_key_that_reads_here_reads_the_same_in_prost(noise in prop::collection::vec(any::<u8>(), 0..24), entry in entry()) {
            let mut bytes = message(&entry).encode_to_vec();
            bytes.extend(noise);
            if let Ok(read) = GaenEntry::decode(&bytes) {
                let theirs = generated::TemporaryExposureKey::decode(bytes.as_slice()).expect("well-formed");
                prop_assert_eq!(theirs.key_data.as_deref(), Some(&read.key.data()[..]));
                prop_assert_eq!(theirs.transmission_risk_level.unwrap_or(0), i32::from(read.transmission_risk));
                prop_assert_eq!(theirs.rolling_period, Some(read.key.rolling_period().into()));
                prop_assert_eq!(theirs.days_since_onset_of_symptoms, read.days_since_onset.map(i32::from));
            }
        }

        #[test]
        fn classes_order_as_their_fields_do(a in entry(), b in entry()) {
            let fields = |e: &GaenEntry| {
                let report_type = e.report_type.map(ReportType::export_value);
                (report_type, e.days_since_onset, e.transmission_risk, e.key.rolling_start(), e.key.rolling_period())
            };
            prop_assert_eq!(a.class().cmp(&b.class()), fields(&a).cmp(&fields(&b)));
        }
    }

    #[test]
    fn a_key_that_the_strictest_phone_would_refuse_is_refused() {
        type Defect = fn(&mut generated::TemporaryExposureKey);
        let defects: [(&str, Defect); 15] = [
            ("key_data", |key| key.key_data = None),
            ("key_data", |key| key.key_data = Some(vec![7; 15])),
            ("key_data", |key| key.key_data = Some(vec![7; 17])),
            ("key_data", |key| key.key_data = Some(vec![7; 32])),
            ("transmission_risk_level", |key| key.transmission_risk_level = Some(9)),
            ("transmission_risk_level", |key| key.transmission_risk_level = Some(-1)),
            ("rolling_start_interval_number", |key| key.rolling_start_interval_number = None),
            ("rolling_start_interval_number", |key| key.rolling_start_interval_number = Some(-1)),
            ("rolling_period", |key| key.rolling_period = None),
            ("rolling_period", |key| key.rolling_period = Some(0)),
            ("rolling_period", |key| key.rolling_period = Some(145)),
            ("report_type", |key| key.report_type = Some(6)),
            ("report_type", |key| key.report_type = Some(-1)),
            ("days_since_onset_of_symptoms", |key| key.days_since_onset_of_symptoms = Some(15)),
            ("days_since_onset_of_symptoms", |key| key.days_since_onset_of_symptoms = Some(-15)),
        ];
        for (field, spoil) in defects {
            let mut key = sound();
            spoil(&mut key);
            let refusal = GaenEntry::decode(&key.encode_to_vec()).expect_err(field);
            assert_eq!(refusal.field, field);
        }
    }

    #[test]
    fn a_key_of_others_may_lack_what_phones_can_do_without() {
        let mut key = sound();
        key.days_since_onset_of_symptoms = None;
        key.transmission_risk_level = None;
        for report_type in [None, Some(0), Some(4)] {
            key.report_type = report_type;
            let read = GaenEntry::decode(&key.encode_to_vec()).expect("a phone reads it");
            assert_eq!((read.report_type, read.days_since_onset, read.transmission_risk), (None, None, 0));
        }
    }

    fn sound() -> generated::TemporaryExposureKey {
        message(&GaenEntry {
            key: TemporaryExposureKey::new(&[7; 16], 2_642_976, 144).expect("in range"),
            transmission_risk: 4,
            report_type: Some(ReportType::Confirmed),
            days_since_onset: Some(-3),
        })
    }
}
