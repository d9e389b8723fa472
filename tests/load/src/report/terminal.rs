//! The summary on the terminal: two tables that fit into 80 columns, and what they mean.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::columns::{aligned, row};
use super::sentences;
use crate::results::{Latency, Operation, Results};
use crate::words::{bytes, grouped, milliseconds, rate};

/// The summary of a run, for people: lines that end in newlines, without colours.
pub fn summary(results: &Results) -> String {
    let mut text = String::new();
    let Results { run, verdict, .. } = results;
    let _ = writeln!(text, "{}", sentences::extent(results));
    let cpu = if run.machine.cpu.is_empty() { "a processor that does not say its name" } else { &run.machine.cpu };
    let _ =
        writeln!(text, "{}, from {} cores of {cpu}, load {}\n", run.started_at, run.machine.cores, run.program_version);
    text += &latencies(&results.operations);
    text.push('\n');
    text += &requests(&results.operations);
    for operation in &results.operations {
        text += &by_name(operation, "refused as expected", &operation.refused);
        text += &by_name(operation, "FAILED", &operation.failed);
    }
    let _ = writeln!(text, "\n{}", sentences::headline(results));
    let proof = results.proof.iter().flat_map(sentences::proof);
    let reasons = verdict.reasons.iter().cloned();
    let remarks = verdict.remarks.iter().map(|remark| format!("Note: {remark}"));
    let limits = results.limits.iter().filter(|limit| limit.held).map(|limit| {
        let (measured, most) =
            (limit.measured_ms.map(milliseconds).unwrap_or_default(), milliseconds(limit.at_most_ms));
        format!(
            "p{} of {} is {measured} ms, within the {most} ms that were asked for.",
            limit.percentile, limit.operation
        )
    });
    let mut said: Vec<String> = Vec::new();
    for sentence in reasons.chain(proof).chain(limits).chain(remarks) {
        // A fault of the proof is a reason of the verdict, too.
        if !said.contains(&sentence) {
            let _ = writeln!(text, "  {sentence}");
            said.push(sentence);
        }
    }
    text
}

fn latencies(operations: &[Operation]) -> String {
    let mut rows = vec![row(["latency in ms", "p50", "p90", "p99", "p99.9", "longest", "load p99"])];
    for operation in operations {
        let Some(Latency { p50_ms, p90_ms, p99_ms, p999_ms, max_ms, .. }) = operation.latency.as_ref() else {
            continue;
        };
        let figures = [p50_ms, p90_ms, p99_ms, p999_ms, max_ms].map(|ms| milliseconds(*ms));
        let waited = operation.waited.as_ref().map_or_else(|| "-".to_owned(), |waited| milliseconds(waited.p99_ms));
        rows.push(std::iter::once(name(operation)).chain(figures).chain([waited]).collect());
    }
    let measured = operations.iter().any(|operation| operation.waited.is_some());
    let note = if measured {
        "Latency counts from the schedule's time; load p99 of it was waiting for the load machine.\n"
    } else {
        ""
    };
    format!("{}{note}", aligned(&rows))
}

fn requests(operations: &[Operation]) -> String {
    let mut rows =
        vec![row(["requests", "asked/s", "ended/s", "done", "304", "refused", "failed", "open", "received"])];
    for operation in operations {
        let per_second = |rated: Option<f64>| rated.map_or_else(|| "-".to_owned(), rate);
        let rates = [operation.asked_per_second, operation.ended_per_second].map(per_second);
        let counts = operation.counts().map(grouped);
        let name = std::iter::once(name(operation));
        rows.push(name.chain(rates).chain(counts).chain([bytes(operation.received_bytes)]).collect());
    }
    aligned(&rows)
}

/// The name as flags take it, and whether it is a journey.
fn name(operation: &Operation) -> String {
    format!("{}{}", operation.name, if operation.journey { " (journey)" } else { "" })
}

/// `guess refused as expected: code_invalid 120`.
fn by_name(operation: &Operation, how: &str, counts: &BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
    format!("{} {how}: {}\n", name(operation), counts.join(", "))
}
