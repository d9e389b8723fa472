//! What goes up and down during a run, and what failed when.

use std::collections::BTreeMap;

use super::over_time::OverTime;
use super::panel::Panel;
use super::plot::{Axis, SMALL};
use super::rates::{Layer, Stack};
use super::scale::Scale;
use super::table::Table;
use crate::results::{GaugeSeries, Results};
use crate::words::{bytes, clock, grouped, rate};

/// Colours for reasons; what has none is summed up as `others`.
const REASONS: [&str; 5] = ["failed", "refused", "done", "same", "other"];

/// One gauge along the time.
pub(super) fn gauge<'a>(time: OverTime<'_>, gauge: &GaugeSeries, title: &'a str) -> Panel<'a> {
    let write = if gauge.name.ends_with("_bytes") { |value: f64| bytes(value as u64) } else { rate };
    let highest = gauge.max.iter().flatten().copied().fold(0.0, f64::max);
    let (mut plot, thin) = time.plot(SMALL, Axis::labelled(Scale::from_zero(highest), write));
    plot.line(if gauge.mean.is_empty() { "p50" } else { "max" }, thin.middles().zip(thin.highest(&gauge.max)));
    plot.line("p50", thin.middles().zip(thin.middle(&gauge.mean)));
    let described = format!("{title} over time, at most {}. The figures stand in the table below.", write(highest));
    let mut table = Table::new(&format!("{title} over time"), &["from", "mean", "highest"]);
    let (rows, or_none) = (time.rows(), |value: Option<f64>| value.map_or_else(|| "-".to_owned(), write));
    let (mean, max) = (rows.middle(&gauge.mean), rows.highest(&gauge.max));
    for (at, (from, _)) in rows.steps().enumerate() {
        let of = |values: &[Option<f64>]| or_none(values.get(at).copied().flatten());
        table.rows.push(vec![clock(from as u64), of(&mean), of(&max)]);
    }
    // A line that stands alone need not be a quiet one.
    let keys = match gauge.mean.is_empty() {
        true => vec![("p50", "highest".to_owned())],
        false => vec![("p50", "mean".to_owned()), ("max", "highest".to_owned())],
    };
    Panel { title, unit: String::new(), keys, pictures: vec![plot.picture("small", &described)], table }
}

/// The failures of all operations by reason, the most frequent first. None if there are none.
pub(super) fn failures(results: &Results) -> Option<Stack> {
    let mut reasons: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (reason, counts) in results.series.operations.iter().flat_map(|operation| &operation.failed_by_reason) {
        let sum = reasons.entry(reason).or_insert_with(|| vec![0; counts.len()]);
        sum.iter_mut().zip(counts).for_each(|(sum, more)| *sum += more);
    }
    let total = |counts: &[u64]| counts.iter().sum::<u64>();
    let mut reasons: Vec<(&str, Vec<u64>)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, counts)| std::cmp::Reverse(total(counts)));
    let others = reasons.split_off(reasons.len().min(REASONS.len() - 1));
    let others = others.into_iter().reduce(|mut sum, (_, counts)| {
        sum.1.iter_mut().zip(counts).for_each(|(sum, more)| *sum += more);
        ("other reasons", sum.1)
    });
    let layers = reasons.into_iter().chain(others).zip(REASONS).map(|((reason, counts), class)| {
        let meaning = format!("{reason} ({})", grouped(total(&counts)));
        Layer { class, meaning, counts }
    });
    let layers: Vec<Layer> = layers.collect();
    (!layers.is_empty()).then(|| Stack::new(Vec::new(), layers))
}
