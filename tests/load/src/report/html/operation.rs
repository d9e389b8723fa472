//! One operation: its plots, and what was not answered as asked.

use super::latencies;
use super::markup::Markup;
use super::over_time::OverTime;
use super::rates::Stack;
use super::table::Table;
use crate::results::{Limit, Operation, OperationSeries};
use crate::words::{bytes, count, grouped, milliseconds, rate};

/// How long its answers took, how many there were, and how they are spread.
pub(super) fn plots(
    time: OverTime<'_>,
    of: (&Operation, Option<&OperationSeries>),
    limits: &[&Limit],
    into: &mut Markup,
) {
    let (operation, series) = of;
    into.says("p", &[("class", "extent")], &extent(operation));
    into.element("div", &[("class", "plots")], |plots| {
        if let Some(series) = series {
            if operation.latency.is_some() {
                latencies::over_time(time, series, limits).render(plots);
            }
            let steps = series.windows.p50_ms.len();
            Stack::of_outcomes([series]).small_panel(time.in_steps(steps), "Answers", &operation.name).render(plots);
        }
        if let Some(panel) = latencies::distribution(operation) {
            panel.render(plots);
        }
    });
}

/// The name of its place on the page: letters and digits of its name.
pub(super) fn place(operation: &Operation) -> String {
    let plain = operation.name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
    format!("of-{}", plain.collect::<String>())
}

/// By code and reason. Nothing if everything was answered as asked.
pub(super) fn refusals_and_failures(operation: &Operation, into: &mut Markup) {
    let kinds = [("refused as expected", &operation.refused), ("failed", &operation.failed)];
    let rows = kinds.into_iter().flat_map(|(how, counts)| counts.iter().map(move |(name, count)| (name, how, *count)));
    let rows: Vec<Vec<String>> =
        rows.map(|(name, how, count)| vec![name.clone(), how.to_owned(), grouped(count)]).collect();
    if !rows.is_empty() {
        Table { rows, ..Table::new("What was not answered as asked", &["code or reason", "how", "requests"]) }
            .render(into);
    }
}

/// `1,200 requests, 4 a second (4 asked for); p50 3 ms, p99 12 ms, longest 40 ms; 1.2 MB received`.
fn extent(operation: &Operation) -> String {
    let mut words = count(operation.ended, if operation.journey { "journey" } else { "request" });
    if let Some(reached) = operation.ended_per_second {
        let asked = operation.asked_per_second.map(|asked| format!(" ({} asked for)", rate(asked))).unwrap_or_default();
        words += &format!(", {} a second{asked}", rate(reached));
    }
    if let Some(latency) = &operation.latency {
        let [p50, p99, longest] = [latency.p50_ms, latency.p99_ms, latency.max_ms].map(milliseconds);
        words += &format!("; p50 {p50} ms, p99 {p99} ms, longest {longest} ms");
    }
    format!("{words}; {} received", bytes(operation.received_bytes))
}
