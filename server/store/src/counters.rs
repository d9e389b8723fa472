//! What is counted, per authority and day, and what of it was shown.
//!
//! Nobody counts by itself: a count is part of the operation that it counts, in the same transaction, so that it is right however often an
//! operation is repeated or cut short.

use std::ops::{Index, IndexMut};

use async_trait::async_trait;
use proto::{ReportType, Timestamp};

use crate::error::StoreError;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How many kinds there are.
const KINDS: usize = 7;

/// A UTC day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterKind {
    /// Codes that the authority issued; a repeated request issues none.
    Issued,
    /// Codes whose text message is known to have been delivered, each once.
    Delivered,
    /// Codes that were claimed; a repeated claim is none.
    Claimed,
    /// Codes whose last form ended, by its time or by the authority, while nobody had claimed them. Counted when that is noticed.
    Expired,
    /// Tokens that were exchanged for a certificate: each once, whatever it was bound to later.
    Certified,
    /// Codes that people asked for themselves. They stand in no other count than this and the next.
    UserReportIssued,
    /// Those of them that were claimed.
    UserReportClaimed,
}

/// Something for each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerKind<T>([T; KINDS]);

/// How often each kind happened on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCounts {
    /// When.
    pub day: Day,
    /// How often.
    pub counts: PerKind<u64>,
}

/// What is shown of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistic {
    /// When.
    pub day: Day,
    /// How often, in steps of ten; none: withheld.
    pub figures: PerKind<Option<u64>>,
}

/// What was counted and what is shown. Each method is one transaction.
#[async_trait]
pub trait Counters: Send + Sync {
    /// What was counted for an authority on the days from `from` to `to`, both included, in their order. A day without any count is left out.
    async fn counts(&self, authority: &str, from: Day, to: Day) -> Result<Vec<DayCounts>, StoreError>;

    /// What is shown of an authority's days from `from` on, in their order.
    async fn statistics(&self, authority: &str, from: Day) -> Result<Vec<Statistic>, StoreError>;

    /// Writes what is shown of days that follow each other, if nothing was written for the first of them or a later one; whether it was. What
    /// is written stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] also if there is no such authority.
    async fn freeze(&self, authority: &str, days: &[Statistic]) -> Result<bool, StoreError>;

    /// Deletes at most `limit` rows each: counts of days that are frozen, or that began before `oldest`, and what is shown of days before
    /// `oldest`. Answers how many rows in all; call again until none.
    async fn forget_counts(&self, oldest: Day, limit: u32) -> Result<u64, StoreError>;
}

impl Day {
    /// The day that began this many days after 1970-01-01.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// The day of a moment.
    pub fn containing(moment: Timestamp) -> Self {
        let number = moment.unix().div_euclid(DAY);
        Self(i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX }))
    }

    /// How many days after 1970-01-01 it began.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Its midnight.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_unix(self.0 as i64 * DAY)
    }

    /// The day so many days later, or earlier.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl CounterKind {
    /// All kinds.
    pub const ALL: [Self; KINDS] = [
        Self::Issued,
        Self::Delivered,
        Self::Claimed,
        Self::Expired,
        Self::Certified,
        Self::UserReportIssued,
        Self::UserReportClaimed,
    ];

    /// As it stands in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Delivered => "delivered",
            Self::Claimed => "claimed",
            Self::Expired => "expired",
            Self::Certified => "certified",
            Self::UserReportIssued => "user-report-issued",
            Self::UserReportClaimed => "user-report-claimed",
        }
    }

    /// What a code of this type is counted as when it is issued.
    pub const fn issued(report_type: ReportType) -> Self {
        if matches!(report_type, ReportType::UserReport) { Self::UserReportIssued } else { Self::Issued }
    }

    /// What it is counted as when it is claimed.
    pub const fn claimed(report_type: ReportType) -> Self {
        if matches!(report_type, ReportType::UserReport) { Self::UserReportClaimed } else { Self::Claimed }
    }
}

impl<T> PerKind<T> {
    /// What `make` makes for each kind.
    pub fn from_fn(make: impl FnMut(CounterKind) -> T) -> Self {
        Self(CounterKind::ALL.map(make))
    }
}

impl<T> Index<CounterKind> for PerKind<T> {
    type Output = T;

    fn index(&self, kind: CounterKind) -> &T {
        &self.0[kind as usize]
    }
}

impl<T> IndexMut<CounterKind> for PerKind<T> {
    fn index_mut(&mut self, kind: CounterKind) -> &mut T {
        &mut self.0[kind as usize]
    }
}

impl std::str::FromStr for CounterKind {
    type Err = proto::Malformed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| proto::Malformed::new("kind", "must be a kind of counter"))
    }
}
