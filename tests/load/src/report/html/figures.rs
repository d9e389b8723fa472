//! The figures of the whole run as tables.

use super::operation;
use super::table::Table;
use crate::report::sentences;
use crate::results::{Operation, Run};
use crate::words::{bytes, count, grouped, milliseconds, rate};

/// How long answers took.
pub(super) fn times(operations: &[Operation]) -> Table {
    let caption = "Latency in milliseconds, from the time of the schedule";
    let mut table =
        Table::new(caption, &["operation", "p50", "p90", "p99", "p99.9", "longest", "mean", "load machine p99"]);
    for operation in operations {
        let Some(latency) = &operation.latency else { continue };
        let figures =
            [latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.p999_ms, latency.max_ms, latency.mean_ms];
        let waited = operation.waited.as_ref().map_or_else(|| "-".to_owned(), |waited| milliseconds(waited.p99_ms));
        let cells = std::iter::once(sentences::name(operation)).chain(figures.map(milliseconds)).chain([waited]);
        table.rows.push(cells.collect());
        table.places.push(operation::place(operation));
    }
    table
}

/// How many there were, and how they ended. Failures and what was never finished are errors.
pub(super) fn requests(operations: &[Operation]) -> Table {
    let head = [
        "operation",
        "asked a second",
        "ended a second",
        "done",
        "not modified",
        "refused",
        "failed",
        "unfinished",
        "received",
    ];
    let mut table = Table { errors: vec![6, 7], ..Table::new("Requests and how they ended", &head) };
    for operation in operations {
        let per_second = |rated: Option<f64>| rated.map_or_else(|| "-".to_owned(), rate);
        let rates = [operation.asked_per_second, operation.ended_per_second].map(per_second);
        let cells = std::iter::once(sentences::name(operation)).chain(rates).chain(operation.counts().map(grouped));
        table.rows.push(cells.chain([bytes(operation.received_bytes)]).collect());
        table.places.push(operation::place(operation));
    }
    table
}

/// What was set, and where it ran.
pub(super) fn settings(run: &Run) -> Table {
    let mut table = Table::new("Settings and machine", &["setting", "value"]);
    let machine = &run.machine;
    let own = [
        ("preset", run.preset.clone()),
        ("through faults", if run.through_faults { "yes" } else { "no" }.to_owned()),
        ("processor", format!("{}, {}", count(machine.cores as u64, "core"), machine.cpu)),
        ("memory", bytes(machine.memory_bytes)),
        ("system", machine.system.clone()),
    ];
    table.rows.extend(run.settings.iter().map(|(name, value)| vec![name.clone(), value.clone()]));
    table.rows.extend(own.map(|(name, value)| vec![name.to_owned(), value]));
    table
}
