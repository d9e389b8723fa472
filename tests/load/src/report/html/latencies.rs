//! How long answers took: along the time, and as a distribution.

use super::markup::Markup;
use super::over_time::{OverTime, ROWS, TOLD_STEPS};
use super::panel::Panel;
use super::plot::{Axis, Plot, SMALL};
use super::scale::Scale;
use super::table::Table;
use super::thin::Thin;
use crate::results::{Latency, Limit, Operation, OperationSeries, Percentile, Windows};
use crate::words::{clock, length, milliseconds};

/// The latency of one operation along the time, with the limits that it was given.
pub(super) fn over_time(time: OverTime<'_>, series: &OperationSeries, limits: &[&Limit]) -> Panel<'static> {
    let windows = &series.windows;
    let known = |values: &[Option<f64>]| values.iter().flatten().copied().collect::<Vec<f64>>();
    let lowest = known(&windows.p50_ms).into_iter().fold(f64::MAX, f64::min);
    let limited = limits.iter().map(|limit| limit.at_most_ms);
    let highest = known(&windows.max_ms).into_iter().chain(limited).fold(0.0, f64::max);
    let (mut plot, _) = time.plot(SMALL, Axis::labelled(Scale::around(lowest, highest), time_label));
    let all = thinned(windows, usize::MAX);
    for (class, values) in [("max", &windows.max_ms), ("p99", &windows.p99_ms), ("p50", &windows.p50_ms)] {
        plot.line(class, all.middles().zip(values.iter().copied()));
    }
    for limit in limits {
        plot.level(limit.at_most_ms, &format!("limit of p{}", limit.percentile));
    }
    plot.tell(told(windows));
    let name = &series.name;
    let described = format!(
        "Latency of {name} over time, from the intended time: p50, p99 and the longest, from {} to {} ms. The figures stand in the table below.",
        milliseconds(lowest.min(highest)),
        milliseconds(highest),
    );
    let keys = [("p50", "p50"), ("p99", "p99"), ("max", "longest")].map(|(class, word)| (class, word.to_owned()));
    let pictures = vec![plot.picture("small", &described)];
    let table = table_over_time(series);
    let unit = format!("logarithmic, {} a point", length(f64::from(windows.seconds_per_window)));
    Panel { title: "Latency", unit, keys: keys.into_iter().collect(), pictures, table }
}

/// Windows, thinned to at most so many steps.
fn thinned(windows: &Windows, most: usize) -> Thin {
    Thin::of(windows.p50_ms.len(), windows.seconds_per_window, most)
}

fn told(windows: &Windows) -> Vec<(f64, f64, String)> {
    let thin = thinned(windows, TOLD_STEPS);
    let lists = [thin.middle(&windows.p50_ms), thin.highest(&windows.p99_ms), thin.highest(&windows.max_ms)];
    let steps = thin.steps().enumerate().map(|(at, (from, to))| {
        let [p50, p99, longest] = lists.each_ref().map(|list| or_dash(list[at]));
        (from, to, format!("{}\np50: {p50} ms\np99: {p99} ms\nlongest: {longest} ms", clock(from as u64)))
    });
    steps.collect()
}

fn table_over_time(series: &OperationSeries) -> Table {
    let (windows, caption) = (&series.windows, format!("Latency of {} over time, in milliseconds", series.name));
    let mut table = Table::new(&caption, &["from", "p50", "p99", "longest"]);
    let thin = thinned(windows, ROWS);
    let lists = [thin.middle(&windows.p50_ms), thin.highest(&windows.p99_ms), thin.highest(&windows.max_ms)];
    for (at, (from, _)) in thin.steps().enumerate() {
        let cells = lists.iter().map(|list| or_dash(list[at]));
        table.rows.push(std::iter::once(clock(from as u64)).chain(cells).collect());
    }
    table
}

fn or_dash(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".to_owned(), milliseconds)
}

/// The distribution of one operation's latency; beside it, if that is known, what the deployment took by itself.
pub(super) fn distribution(operation: &Operation) -> Option<Panel<'static>> {
    let latency = operation.latency.as_ref()?;
    let ladders = [Some(latency), operation.service.as_ref()].into_iter().flatten();
    let (lowest, highest) =
        ladders.fold((f64::MAX, 0.0_f64), |(low, high), of| (low.min(of.min_ms), high.max(of.max_ms)));
    let most = latency.percentiles.iter().rev().nth(1).map_or(90.0, |point| point.percentile);
    let x = Axis { scale: Scale::Logarithmic(1.0, nines(most).max(10.0)), labels: percentile_labels(most) };
    let mut plot = Plot::new(SMALL, x, Axis::labelled(Scale::around(lowest, highest), time_label));
    let mut keys = vec![("latency", "from the intended time".to_owned())];
    // The broken line lies above, so that both are seen where they are one.
    plot.line("latency", ladder(latency, most));
    if let Some(service) = &operation.service {
        plot.line("service", ladder(service, most));
        keys.push(("service", "from when it was sent".to_owned()));
    }
    let described = format!(
        "Distribution of the latency of {}: half within {} ms, 99 % within {} ms, the longest {} ms.",
        operation.name,
        milliseconds(latency.p50_ms),
        milliseconds(latency.p99_ms),
        milliseconds(latency.max_ms),
    );
    let pictures: Vec<Markup> = vec![plot.picture("small", &described)];
    let table = table_of_distribution(operation, latency);
    Some(Panel { title: "Percentiles", unit: "logarithmic".to_owned(), keys, pictures, table })
}

/// The points of a distribution; the longest stands at the end, where 100 % would be infinitely far.
fn ladder(latency: &Latency, most: f64) -> impl Iterator<Item = (f64, Option<f64>)> {
    latency.percentiles.iter().map(move |&Percentile { percentile, ms }| (nines(percentile.min(most)), Some(ms)))
}

/// 10 for 90 %, 100 for 99 %, 1000 for 99.9 %: where a percentile stands on a logarithmic axis.
fn nines(percentile: f64) -> f64 {
    1.0 / (1.0 - percentile.min(99.999_999) / 100.0)
}

fn percentile_labels(most: f64) -> Vec<(f64, String)> {
    let labels = [50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.999_9];
    let within = labels.into_iter().filter(|label| nines(*label) <= nines(most).max(10.0) * 1.001);
    within.map(|label| (nines(label), format!("{label} %"))).collect()
}

fn table_of_distribution(operation: &Operation, latency: &Latency) -> Table {
    let caption = format!("Distribution of {}, in milliseconds", operation.name);
    let mut table = Table::new(&caption, &["percent", "from the intended time", "from when it was sent"]);
    for percentile in [0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0] {
        let of = |latency: &Latency| milliseconds(latency.at_percentile_ms(percentile));
        let service = operation.service.as_ref().map_or_else(|| "-".to_owned(), of);
        table.rows.push(vec![format!("{percentile} %"), of(latency), service]);
    }
    table
}

/// `0.5 ms`, `20 ms`, `2 s`: short, for an axis.
fn time_label(ms: f64) -> String {
    if ms >= 999.5 { format!("{} s", milliseconds(ms / 1_000.0)) } else { format!("{} ms", milliseconds(ms)) }
}
