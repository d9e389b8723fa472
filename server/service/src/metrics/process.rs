//! Which program runs, since when, and what of the machine it takes, as Linux tells it. Elsewhere only the version is known.

use std::fs;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;

use super::kinds::rounded_up;
use super::registry::{MetricKind, Metrics, describe};
use crate::panics;

/// The unit of processor time under /proc, in parts of a second: `USER_HZ`, which is 100 wherever Linux runs us (proc(5)).
const TICKS: f64 = 100.0;
/// Open descriptors are told in whole multiples of this: each phone that is connected has one.
const DESCRIPTORS: i64 = 16;

/// What Linux tells of this process.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Process {
    /// Processor time, its own and the system's for it, in seconds.
    cpu: f64,
    /// When it began, unix time.
    started: i64,
    /// What of its memory is in the machine's, in bytes.
    resident: i64,
    /// How many file descriptors are open.
    descriptors: i64,
}

/// Registers all of them. They are looked at before each step: were they live, processor time would tell each request as it passes.
pub(super) fn register(metrics: &Metrics, prefix: &str) {
    let build = format!("{prefix}_build");
    metrics.info(&build, "The version that runs; always 1", "version", env!("CARGO_PKG_VERSION"));
    let gauge = |name: &str, help: &str| metrics.stepped_gauges(&format!("{prefix}_{name}"), help, &[]);
    let started = gauge("start_time_seconds", "When the process started, unix time");
    let resident = gauge("resident_memory_bytes", "Memory of the process that is in the machine's");
    let descriptors = gauge("open_descriptors", "File descriptors that are open, rounded up to a multiple of 16");
    let help = "Panics, of which the log says where they were";
    let [panicked] = metrics.stepped(&format!("{prefix}_panics"), help, [&[]]);
    panics::keep_for_steps();
    metrics.before_steps(move || panicked.count_many(panics::tell()));
    let cpu = Counter::<f64, AtomicU64>::default();
    let (name, help) = (format!("{prefix}_cpu_seconds"), "Processor time that the process took");
    metrics.register(describe(&name, MetricKind::Counter, &[], help, true), cpu.clone());
    metrics.before_steps(move || {
        let Some(process) = Process::now() else { return };
        started.set(&[], process.started);
        resident.set(&[], process.resident);
        descriptors.set(&[], rounded_up(process.descriptors, DESCRIPTORS));
        // Whoever looks at the same time may have counted more already.
        cpu.inc_by((process.cpu - cpu.get()).max(0.0));
    });
}

impl Process {
    fn now() -> Option<Self> {
        let read = |path| fs::read_to_string(path).ok();
        let (stat, status, machine) = (read("/proc/self/stat")?, read("/proc/self/status")?, read("/proc/stat")?);
        // The directory that is read is open itself meanwhile.
        let descriptors = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
        Self::parse(&stat, &status, &machine, i64::try_from(descriptors).ok()?)
    }

    /// From /proc/self/stat, /proc/self/status and /proc/stat.
    fn parse(stat: &str, status: &str, machine: &str, descriptors: i64) -> Option<Self> {
        // The second field is a name in brackets, which may hold anything; the third follows the last bracket.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |number: usize| fields.get(number - 3)?.parse::<f64>().ok().map(|ticks| ticks / TICKS);
        let after = |text: &str, name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<i64>().ok())
        };
        Some(Self {
            cpu: ticks(14)? + ticks(15)?,
            started: after(machine, "btime ")? + ticks(22)? as i64,
            resident: after(status, "VmRSS:")? * 1_024,
            descriptors,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_as_linux_tells_it() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 4 0 12345 1000 100 18446744073709551615";
        let status = "Name:\ta) b\nVmHWM:\t    9000 kB\nVmRSS:\t    4000 kB\n";
        let process = Process::parse(stat, status, "cpu  1 2 3\nbtime 1790000000\n", 12);
        let told = Process { cpu: 3.0, started: 1_790_000_123, resident: 4_096_000, descriptors: 12 };
        assert_eq!(process, Some(told));
        assert_eq!(Process::parse("", status, "", 0), None);
    }

    #[test]
    fn one_connection_more_does_not_show() {
        assert_eq!([0, 1, 16, 17, 32].map(|number| rounded_up(number, DESCRIPTORS)), [0, 16, 16, 32, 32]);
        let metrics = Metrics::of_program("x");
        metrics.step();
        let text = metrics.render();
        let shown = text.lines().find_map(|line| line.strip_prefix("x_open_descriptors{} "));
        assert!(
            shown.is_some_and(|shown| shown.parse::<i64>().is_ok_and(|shown| shown > 0 && shown % 16 == 0)),
            "{text}"
        );
    }

    #[test]
    fn this_process_is_known_at_a_step() {
        let metrics = Metrics::of_program("x");
        assert!(!metrics.render().contains("x_open_descriptors"));
        metrics.step();
        let text = metrics.render();
        for name in
            ["x_resident_memory_bytes{} ", "x_open_descriptors{} ", "x_cpu_seconds_total ", "x_start_time_seconds{} "]
        {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name}\n{text}");
        }
        assert!(text.contains(concat!("x_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n")), "{text}");
    }
}
