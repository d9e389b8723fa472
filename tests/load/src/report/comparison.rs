//! Two runs side by side.

use std::fmt::Write;

use super::columns::{aligned, row};
use super::sentences;
use crate::results::{Operation, Results};
use crate::words::{grouped, milliseconds, rate};

/// Two runs, operation by operation: A, B, and how many times as much B is. Lines that end in newlines.
pub fn comparison(a: &Results, b: &Results) -> String {
    let mut text = String::new();
    for (name, run) in [("A", a), ("B", b)] {
        let _ = writeln!(text, "{name}: {}; {}", sentences::extent(run), run.run.started_at);
        let _ = writeln!(text, "   {}", sentences::headline(run));
    }
    text += &differences(a, b);
    let head = ["operation", "p50 ms A", "B", "B/A", "p99 ms A", "B", "B/A", "ended/s A", "B", "B/A", "errors A", "B"];
    let mut rows = vec![row(head)];
    let (none, only_in_b) =
        (Operation::default(), b.operations.iter().filter(|of_b| a.operation(&of_b.name).is_none()));
    for name in a.operations.iter().chain(only_in_b).map(|operation| &operation.name) {
        let both = [a, b].map(|run| run.operation(name).unwrap_or(&none));
        rows.push(std::iter::once(name.clone()).chain(cells(both)).collect());
    }
    let _ = write!(text, "\n{}", aligned(&rows));
    text
}

/// What makes two runs hard to compare.
fn differences(a: &Results, b: &Results) -> String {
    let mut text = String::new();
    let mut differ = |name: &str, a: &str, b: &str| {
        if a != b {
            let or_none = |value: &str| if value.is_empty() { "-".to_owned() } else { value.to_owned() };
            let _ = writeln!(text, "They differ in {name}: {} and {}", or_none(a), or_none(b));
        }
    };
    let (of_a, of_b) = (&a.run, &b.run);
    differ("preset", &of_a.preset, &of_b.preset);
    differ("program_version", &of_a.program_version, &of_b.program_version);
    differ("processor", &of_a.machine.cpu, &of_b.machine.cpu);
    differ("cores", &of_a.machine.cores.to_string(), &of_b.machine.cores.to_string());
    let only_in_b = of_b.settings.keys().filter(|name| !of_a.settings.contains_key(*name));
    for name in of_a.settings.keys().chain(only_in_b) {
        let [a, b] = [of_a, of_b].map(|run| run.settings.get(name).map(String::as_str).unwrap_or_default());
        differ(name, a, b);
    }
    text
}

fn cells([a, b]: [&Operation; 2]) -> Vec<String> {
    let p50 = [a, b].map(|operation| operation.latency.as_ref().map(|latency| latency.p50_ms));
    let p99 = [a, b].map(|operation| operation.latency.as_ref().map(|latency| latency.p99_ms));
    let rates = [a.ended_per_second, b.ended_per_second];
    let errors = [a, b].map(|operation| grouped(operation.all_failed() + operation.unfinished));
    [side_by_side(p50, milliseconds), side_by_side(p99, milliseconds), side_by_side(rates, rate)]
        .into_iter()
        .flatten()
        .chain(errors)
        .collect()
}

/// A, B and B/A; a dash for what is not known.
fn side_by_side([a, b]: [Option<f64>; 2], write: fn(f64) -> String) -> [String; 3] {
    let ratio = a.zip(b).filter(|(a, _)| *a > 0.0).map(|(a, b)| format!("{:.2}", b / a));
    let [a, b] = [a, b].map(|value| value.map(write));
    [a, b, ratio].map(|cell| cell.unwrap_or_else(|| "-".to_owned()))
}
