//! What is shown, as JSON and as CSV.

use serde_json::{Value, json};
use store::CounterKind::{Certified, Claimed, Delivered, Expired, Issued, UserReportClaimed, UserReportIssued};
use store::{CounterKind, Day, PerKind, Statistic};
use time::{Date, OffsetDateTime};

use super::freezing::{KEPT, series};
use super::threshold::Threshold;
use crate::error::VerificationError;
use crate::registry::Registry;

/// How many days are shown one by one.
const DAYS: usize = 90;
/// How many months are shown as a whole.
const MONTHS: usize = 12;
/// Columns by their customary names, those of ours among them.
const COLUMNS: [(&str, CounterKind); 7] = [
    ("codes_issued", Issued),
    ("codes_delivered", Delivered),
    ("codes_claimed", Claimed),
    ("codes_expired", Expired),
    ("tokens_claimed", Certified),
    ("user_reports_issued", UserReportIssued),
    ("user_reports_claimed", UserReportClaimed),
];

/// What an authority is shown, the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Days that are over, at most the last 90.
    pub days: Vec<Statistic>,
    /// Months that are over, at most the last 12.
    pub months: Vec<Month>,
}

/// A calendar month, UTC. A total adds what is shown of its days. Whoever has the days can do so too: it gives nothing away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// `2026-10`.
    pub name: String,
    /// The totals; none where nothing is shown of any day.
    pub totals: PerKind<Option<u64>>,
}

/// What is shown of an authority. Once it is shown it stays.
///
/// # Errors
/// [`VerificationError::Store`] if there is no such authority or the database fails.
pub async fn report(
    registry: &impl AsRef<Registry>,
    authority: &str,
    threshold: Threshold,
) -> Result<Report, VerificationError> {
    let series = series(registry.as_ref(), authority, threshold).await?;
    let months = months(&series);
    Ok(Report { days: series.into_iter().rev().take(DAYS).collect(), months })
}

impl Report {
    /// The names of the columns.
    pub fn columns() -> [&'static str; 7] {
        COLUMNS.map(|(name, _)| name)
    }

    /// What stands in them; none where it is withheld.
    pub fn cells(figures: &PerKind<Option<u64>>) -> [Option<u64>; 7] {
        COLUMNS.map(|(_, kind)| figures[kind])
    }

    /// As `GET /api/stats/realm.json` has it: `null` where a figure is withheld.
    pub fn to_json(&self) -> Value {
        let data = |figures| -> Value {
            let cells = COLUMNS.iter().zip(Self::cells(figures));
            cells.map(|((name, _), figure)| ((*name).to_owned(), json!(figure))).collect()
        };
        // A moment, as is customary: midnight UTC.
        let days = self
            .days
            .iter()
            .map(|day| json!({ "date": format!("{}T00:00:00Z", day_text(day.day)), "data": data(&day.figures) }));
        let months = self.months.iter().map(|month| json!({ "month": month.name, "data": data(&month.totals) }));
        json!({ "statistics": days.collect::<Value>(), "totals": months.collect::<Value>() })
    }

    /// As `GET /api/stats/realm.csv` has it: days alone, nothing where a figure is withheld.
    pub fn to_csv(&self) -> String {
        let mut text = format!("date,{}\n", Self::columns().join(","));
        for day in &self.days {
            let cells =
                Self::cells(&day.figures).map(|figure| figure.map(|figure| figure.to_string()).unwrap_or_default());
            text.push_str(&format!("{},{}\n", day_text(day.day), cells.join(",")));
        }
        text
    }
}

/// `2026-03-09`.
pub fn day_text(day: Day) -> String {
    date(day).to_string()
}

/// The months of which every day is there; of the oldest, none that was kept is missing.
fn months(series: &[Statistic]) -> Vec<Month> {
    let mut months: Vec<(Date, PerKind<Option<u64>>)> = Vec::new();
    for statistic in series {
        let first = first_of_month(date(statistic.day));
        if months.last().is_none_or(|(month, _)| *month != first) {
            months.push((first, PerKind::default()));
        }
        if let Some((_, totals)) = months.last_mut() {
            for kind in CounterKind::ALL {
                totals[kind] =
                    statistic.figures[kind].map(|figure| figure + totals[kind].unwrap_or(0)).or(totals[kind]);
            }
        }
    }
    // The last is over if the day after its last day is another month's.
    if series.last().is_some_and(|last| first_of_month(date(last.day.plus(1))) == first_of_month(date(last.day))) {
        months.pop();
    }
    // The first may have lost its beginning, unless the authority is younger than that.
    let is_cut = series.len() >= usize::try_from(KEPT).unwrap_or(usize::MAX) - 1;
    let complete = months.into_iter().skip(usize::from(is_cut)).rev().take(MONTHS);
    let name = |first: Date| format!("{:04}-{:02}", first.year(), u8::from(first.month()));
    complete.map(|(first, totals)| Month { name: name(first), totals }).collect()
}

fn date(day: Day) -> Date {
    OffsetDateTime::from_unix_timestamp(day.start().unix()).map_or(Date::MIN, OffsetDateTime::date)
}

fn first_of_month(date: Date) -> Date {
    date.replace_day(1).unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days from a first one on, with what was issued on each.
    fn days(first: Day, issued: &[Option<u64>]) -> Vec<Statistic> {
        let figures = |figure: Option<u64>| {
            let mut figures = PerKind::default();
            figures[Issued] = figure;
            figures
        };
        let days = (0..).zip(issued).map(|(later, figure)| (first.plus(later), *figure));
        days.map(|(day, figure)| Statistic { day, figures: figures(figure) }).collect()
    }

    fn totals(series: &[Statistic]) -> Vec<(String, Option<u64>)> {
        months(series).into_iter().map(|month| (month.name, month.totals[Issued])).collect()
    }

    /// 2026-01-30.
    const FIRST: Day = Day::new(20_483);

    #[test]
    fn a_total_adds_the_days_of_a_month_that_is_over() {
        assert_eq!(day_text(FIRST), "2026-01-30");
        let mut issued = vec![Some(10), None, Some(30), Some(20)];
        assert_eq!(totals(&days(FIRST, &issued)), [("2026-01".to_owned(), Some(10))]);
        issued.resize(2 + 27, None);
        assert_eq!(totals(&days(FIRST, &issued)).len(), 1, "one day of February is to come");
        issued.push(None);
        let expected = [("2026-02".to_owned(), Some(50)), ("2026-01".to_owned(), Some(10))];
        assert_eq!(totals(&days(FIRST, &issued)), expected);
        assert_eq!(totals(&days(FIRST, &[None, None])), [("2026-01".to_owned(), None)], "nothing was shown of it");
    }

    #[test]
    fn a_month_that_lost_its_beginning_is_not_shown() {
        let whole = days(FIRST, &vec![Some(10); usize::try_from(KEPT).expect("small")]);
        let shown = totals(&whole);
        assert_eq!(shown.len(), MONTHS);
        assert!(shown.iter().all(|(name, _)| name != "2026-01"));
    }
}
