//! `server stats`: an authority's uploads in numbers.

use anyhow::Context;
use clap::Args;
use proto::api::stats::StatsDay;
use serde_json::json;
use server::{Settings, statistics};
use service::say;

use crate::open;

/// Flags of `server stats`.
#[derive(Debug, Args)]
pub(crate) struct ShowStats {
    #[command(flatten)]
    settings: Settings,
    /// Whose.
    #[arg(long, value_name = "ID")]
    authority: String,
}

/// Shows what the authority itself may see.
pub(crate) async fn run(flags: ShowStats, json: bool) -> anyhow::Result<()> {
    let ShowStats { settings, authority } = flags;
    let days = statistics::report(&open(&settings).await?, &authority).await;
    let days = days.with_context(|| format!("cannot show the numbers of {authority}"))?;
    let text = to_text(&days);
    say(json, &json!({ "days": days }), &text)?;
    Ok(())
}

/// A line a day, the distributions left out. A dash stands for fewer than ten.
fn to_text(days: &[StatsDay]) -> String {
    if days.is_empty() {
        return "Nothing to show: a day is shown 48 hours after it is over, at midnight UTC, if ten people uploaded."
            .to_owned();
    }
    let heading = ["DAY", "UPLOADS", "KEYS", "REVISED", "REPORT UPLOADS", "REPORTS"].map(str::to_owned);
    let lines = std::iter::once(heading).chain(days.iter().map(line));
    let lines = lines.map(|[day, uploads, keys, revised, report_uploads, reports]| {
        format!("{day:10}  {uploads:>9}  {keys:>9}  {revised:>9}  {report_uploads:>14}  {reports:>9}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn line(day: &StatsDay) -> [String; 6] {
    let cell = |number: u64| if number == 0 { "-".to_owned() } else { number.to_string() };
    let date = day.day.split('T').next().unwrap_or_default().to_owned();
    let numbers = [day.publish_requests.unknown, day.total_teks_published, day.requests_with_revisions];
    let [uploads, keys, revised] = numbers.map(cell);
    [date, uploads, keys, revised, cell(day.report_requests), cell(day.total_reports_published)]
}
