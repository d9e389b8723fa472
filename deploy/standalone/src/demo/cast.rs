//! Who met whom: what three people's phones broadcast and heard in the last days. Nothing of it has left a phone yet.

use std::collections::HashSet;

use proto::gaen::{Observation, Observations, RollingProximityIdentifier, TemporaryExposureKey};
use proto::interval::INTERVALS_PER_DAY;
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport, TemporaryContactNumber};
use proto::{Interval, Timestamp};
use rand::CryptoRng;

use crate::error::StandaloneError;

/// Days before today of which the reporter's phone has keys.
const DAYS: i64 = 5;
/// The meeting: two days ago, at 18:00 UTC, for 40 minutes.
const MEETING_DAY: i64 = 2;
const MEETING_START: i64 = 18 * 6;
const MEETING_INTERVALS: i64 = 4;
/// A TCN phone takes its next number every quarter of an hour, 96 a day.
const NUMBERS_PER_DAY: u16 = 96;
/// The numbers that were broadcast from 18:00 to 18:45: number 1 is the day's first.
const MEETING_NUMBERS: std::ops::RangeInclusive<usize> = 73..=75;
/// How many other people's identifiers a phone has heard.
const PASSERS_BY: usize = 300;

/// What the reporter's phones broadcast.
pub(crate) struct Reporter {
    /// GAEN: one key a day, oldest first, today's last.
    pub(crate) keys: Vec<TemporaryExposureKey>,
    /// TCN: one key a day, oldest first, none for today.
    pub(crate) days: Vec<ReportAuthorizationKey>,
    /// When the meeting began.
    pub(crate) met_at: Timestamp,
}

/// What one person's phones heard.
pub(crate) struct Memory {
    /// GAEN: identifiers with the interval in which each was heard.
    pub(crate) identifiers: Observations,
    /// TCN: numbers alone, since a number is never used twice.
    pub(crate) numbers: HashSet<TemporaryContactNumber>,
    /// How many of either came from the reporter.
    pub(crate) from_reporter: (usize, usize),
}

impl Reporter {
    /// Somebody whose phones ran for the last days.
    pub(crate) fn draw(now: Timestamp, rng: &mut impl CryptoRng) -> Result<Self, StandaloneError> {
        let today = Interval::containing(now).midnight();
        let day = |back: i64| today.plus(-back * i64::from(INTERVALS_PER_DAY));
        let mut key_of = |back| {
            let start = i64::from(day(back).number());
            TemporaryExposureKey::new(&random::<16>(rng), start, i64::from(INTERVALS_PER_DAY))
        };
        let keys = (0..=DAYS).rev().map(&mut key_of).collect::<Result<_, _>>()?;
        let days = (1..=DAYS).map(|_| ReportAuthorizationKey::from_seed(random(rng))).collect();
        Ok(Self { keys, days, met_at: day(MEETING_DAY).plus(MEETING_START).start() })
    }

    /// A signed report of each day's numbers, with an empty memo: what is said stands in the certificate.
    pub(crate) fn reports(&self) -> Result<Vec<SignedReport>, StandaloneError> {
        let memo = Memo::new(MemoType::CoEpiV1, &[])?;
        let create = |day| SignedReport::create(day, &memo, 1, NUMBERS_PER_DAY);
        Ok(self.days.iter().map(create).collect::<Result<_, _>>()?)
    }

    /// What somebody heard who was at the meeting.
    fn at_the_meeting(&self) -> Result<(Vec<Observation>, Vec<TemporaryContactNumber>), StandaloneError> {
        let absent = || StandaloneError::Story("the reporter has no key of the day of the meeting".to_owned());
        // Keys end with today, reports with yesterday.
        let from_the_end = usize::try_from(MEETING_DAY).unwrap_or_default();
        let key = self.keys.iter().rev().nth(from_the_end).ok_or_else(absent)?;
        let report = &self.reports()?[self.days.len() - from_the_end];
        let intervals = MEETING_START..MEETING_START + MEETING_INTERVALS;
        let identifiers = key.identifiers().skip(MEETING_START as usize).zip(intervals);
        let heard = |(identifier, at)| Observation { identifier, heard: key.rolling_start().plus(at) };
        let first = MEETING_NUMBERS.start() - 1;
        let numbers = report.numbers().skip(first).take(MEETING_NUMBERS.count()).collect();
        Ok((identifiers.map(heard).collect(), numbers))
    }
}

impl Memory {
    /// Of somebody who was at the meeting with the reporter.
    pub(crate) fn of_a_contact(reporter: &Reporter, rng: &mut impl CryptoRng) -> Result<Self, StandaloneError> {
        let (identifiers, numbers) = reporter.at_the_meeting()?;
        Ok(Self::with(reporter.met_at, identifiers, numbers, rng))
    }

    /// Of somebody who was elsewhere, or who is the reporter: other people only.
    pub(crate) fn of_others(met_at: Timestamp, rng: &mut impl CryptoRng) -> Self {
        Self::with(met_at, Vec::new(), Vec::new(), rng)
    }

    fn with(
        met_at: Timestamp,
        mut identifiers: Vec<Observation>,
        mut numbers: Vec<TemporaryContactNumber>,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let from_reporter = (identifiers.len(), numbers.len());
        let around = Interval::containing(met_at);
        for at in 0..PASSERS_BY {
            // Passers-by are heard in every interval of the day of the meeting.
            let heard = around.plus(at as i64 % i64::from(INTERVALS_PER_DAY) - MEETING_START);
            identifiers.push(Observation { identifier: RollingProximityIdentifier(random(rng)), heard });
            numbers.push(TemporaryContactNumber(random(rng)));
        }
        Self { identifiers: Observations::new(identifiers), numbers: numbers.into_iter().collect(), from_reporter }
    }

    /// How many identifiers and numbers were heard in all.
    pub(crate) fn heard(&self) -> (usize, usize) {
        (PASSERS_BY + self.from_reporter.0, self.numbers.len())
    }
}

fn random<const N: usize>(rng: &mut impl CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}
