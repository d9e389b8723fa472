//! `verification stats`: an authority's days in numbers.

use anyhow::Context;
use clap::Args;
use verification::DatabaseSettings;
use verification::statistics::{self, Report, Threshold, day_text};

use super::session::{no_authority, open, say};
use super::table::table;

/// Flags of `verification stats`.
#[derive(Debug, Args)]
pub(crate) struct ShowStats {
    #[command(flatten)]
    database: DatabaseSettings,
    /// Whose.
    #[arg(long)]
    authority: String,
    /// Write CSV, as GET /api/stats/realm.csv does.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    pub(crate) withholding: WithholdingFlags,
}

/// How small a count may be to be shown.
#[derive(Debug, Args)]
pub(crate) struct WithholdingFlags {
    /// Withhold counts below this, a multiple of 10. Say the same to `verification serve` and to `verification stats`: whichever of them looks
    /// at a day first decides what is ever shown of it.
    #[arg(long = "withhold-below", value_name = "COUNT", env = "VERIFICATION_WITHHOLD_BELOW", default_value_t)]
    pub(crate) threshold: Threshold,
}

/// Shows what may be shown.
pub(crate) async fn run(flags: ShowStats, json: bool) -> anyhow::Result<()> {
    let ShowStats { database, authority, csv, withholding } = flags;
    let report = statistics::report(&open(&database).await?, &authority, withholding.threshold).await;
    let report = report.with_context(|| no_authority(&authority))?;
    let text = if csv { report.to_csv().trim_end().to_owned() } else { to_text(&report) };
    say(json, report.to_json(), &text)
}

/// The months below the days. A dash stands where a figure is withheld.
fn to_text(report: &Report) -> String {
    let days = report.days.iter().map(|day| line(day_text(day.day), Report::cells(&day.figures)));
    let months = report.months.iter().map(|month| line(month.name.clone(), Report::cells(&month.totals)));
    let lines: Vec<_> = days.chain(months).collect();
    if lines.is_empty() {
        return "Nothing to show yet: a day is shown two hours after it is over, at midnight UTC.".to_owned();
    }
    table(["DAY", "ISSUED", "DELIVERED", "CLAIMED", "EXPIRED", "CERTIFICATES", "ASKED", "GOT"], &lines)
}

fn line(name: String, cells: [Option<u64>; 7]) -> [String; 8] {
    let mut cells = cells.into_iter().map(|cell| cell.map_or_else(|| "-".to_owned(), |figure| figure.to_string()));
    let mut name = Some(name);
    std::array::from_fn(|_| name.take().or_else(|| cells.next()).unwrap_or_default())
}
