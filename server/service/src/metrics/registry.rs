//! The numbers of one program.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};
use proto::Timestamp;

use super::kinds::{Bounds, GaugeFamily, Gauges, Histograms, Labels, SteppedCounter, SteppedFamily};
use super::process;
use super::steps::Steps;

/// Looks at something right before it is published.
type Look = Arc<dyn Fn() + Send + Sync>;
/// Writes a line to the log.
type Line = Box<dyn FnOnce() + Send>;

/// How many lines wait for a step at most: whoever brings about more is not to fill the memory.
const MOST_LINES: usize = 100;

/// The numbers of one program. Clones share them.
#[derive(Clone, Default)]
pub struct Metrics {
    /// Guards the lists and the published text; the numbers themselves are changed without.
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    at_once: Registry,
    stepped: Registry,
    /// What is stepped, as it was at the last step.
    published: String,
    looks: Vec<Look>,
    /// When the step that is under way is over.
    steps: Steps,
    /// Lines that wait for the next step, and how many more there would be.
    lines: (Vec<Line>, u64),
    described: Vec<Described>,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only goes up, until the program starts anew.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution: `_bucket`, `_sum` and `_count`.
    Histogram,
    /// It is always 1; what it tells stands in its labels.
    Info,
}

/// What is told of a number before it has any value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its name, as Prometheus keeps it: a counter's with `_total`.
    pub name: String,
    /// What it is.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// What it means, a sentence without its full stop.
    pub help: String,
    /// Whether it is published in steps.
    pub stepped: bool,
}

impl Metrics {
    /// Those that every program has, under its prefix: which version runs since when, and what of the machine it takes.
    pub fn of_program(prefix: &str) -> Self {
        let metrics = Self::default();
        process::register(&metrics, prefix);
        metrics
    }

    /// A gauge for each value of `label`.
    pub fn gauges(&self, name: &str, help: &str, label: &'static str) -> Gauges {
        let gauges = Gauges { label, family: Family::default() };
        self.register(describe(name, MetricKind::Gauge, &[label], help, false), gauges.family.clone());
        gauges
    }

    /// A gauge for each set of values of labels with these names; they must be few and say nothing about anybody.
    pub fn gauge_family(&self, name: &str, help: &str, labels: &'static [&'static str]) -> GaugeFamily {
        let gauges = GaugeFamily { labels, family: Family::default() };
        self.register(describe(name, MetricKind::Gauge, labels, help, false), gauges.family.clone());
        gauges
    }

    /// The same for what phones move: published in steps.
    pub fn stepped_gauges(&self, name: &str, help: &str, labels: &'static [&'static str]) -> GaugeFamily {
        let gauges = GaugeFamily { labels, family: Family::default() };
        self.register(describe(name, MetricKind::Gauge, labels, help, true), gauges.family.clone());
        gauges
    }

    /// A counter for each of these sets of labels, in their order. `_total` is appended to its name.
    pub fn stepped<const N: usize>(&self, name: &str, help: &str, labels: [&[(&str, &str)]; N]) -> [SteppedCounter; N] {
        let family = Family::<Labels, Counter>::default();
        let names: Vec<&str> =
            labels.first().map(|labels| labels.iter().map(|(name, _)| *name).collect()).unwrap_or_default();
        let described = describe(name, MetricKind::Counter, &names, help, true);
        let counters = labels.map(|labels| {
            let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
            SteppedCounter(family.get_or_create_owned(&labels))
        });
        self.register(described, family);
        counters
    }

    /// Counters whose labels have these names and values that are not known beforehand; they must be few and say nothing about anybody. `_total` is
    /// appended to the name.
    pub fn stepped_family(&self, name: &str, help: &str, labels: &'static [&'static str]) -> SteppedFamily {
        let family = SteppedFamily { labels, family: Family::default() };
        self.register(describe(name, MetricKind::Counter, labels, help, true), family.family.clone());
        family
    }

    /// Distributions of times, cut at these bounds in seconds, for labels as those of [`stepped_family`](Self::stepped_family).
    pub fn stepped_histograms(
        &self,
        name: &str,
        help: &str,
        labels: &'static [&'static str],
        bounds: &'static [f64],
    ) -> Histograms {
        let histograms = Histograms { labels, family: Family::new_with_constructor(Bounds(bounds)) };
        self.register(describe(name, MetricKind::Histogram, labels, help, true), histograms.family.clone());
        histograms
    }

    /// What never changes while a program runs. `_info` is appended to the name.
    pub(super) fn info(&self, name: &str, help: &str, label: &'static str, value: &str) {
        let info = Info::new(vec![(label.to_owned(), value.to_owned())]);
        self.register(describe(name, MetricKind::Info, &[label], help, false), info);
    }

    /// Looks at something right before each step. It must set numbers that are there, and register none.
    pub fn before_steps(&self, look: impl Fn() + Send + Sync + 'static) {
        self.with(|inner| inner.looks.push(Arc::new(look)));
    }

    /// Writes a line at the next step: at once it would say when the request came that brought it about. At most 100 lines wait; of more, only their
    /// number is said.
    pub fn at_next_step(&self, line: impl FnOnce() + Send + 'static) {
        self.with(|inner| {
            let (lines, more) = &mut inner.lines;
            if lines.len() < MOST_LINES { lines.push(Box::new(line)) } else { *more += 1 }
        });
    }

    /// Publishes what was counted since the last step, and writes the lines that waited.
    pub fn step(&self) {
        let looks = self.with(|inner| inner.looks.clone());
        // Outside the lock: they may count.
        looks.iter().for_each(|look| look());
        self.write_lines();
        self.with(Inner::publish);
    }

    /// Writes the lines that wait for a step: for a program that has none, since it serves nobody.
    pub fn write_lines(&self) {
        let (lines, more) = self.with(|inner| std::mem::take(&mut inner.lines));
        lines.into_iter().for_each(|line| line());
        if more > 0 {
            tracing::warn!(lines.count = more, "there was more to say since the last step than is kept");
        }
    }

    /// The same if the step that was under way is over `now`; whether it was. What phones move ends its steps at multiples of five minutes.
    pub fn step_if_over(&self, now: Timestamp) -> bool {
        let is_over = self.with(|inner| inner.steps.is_over(now));
        if is_over {
            self.step();
        }
        is_over
    }

    /// All of them as text.
    pub fn render(&self) -> String {
        Self::render_all(std::slice::from_ref(self))
    }

    /// Those of several programs in one process as one text. Their names begin differently.
    pub(super) fn render_all(programs: &[Self]) -> String {
        let mut text = String::new();
        for program in programs {
            program.with(|inner| {
                text += &inner.published;
                encode_registry(&mut text, &inner.at_once).expect("writing into a string does not fail");
            });
        }
        encode_eof(&mut text).expect("writing into a string does not fail");
        text
    }

    /// What there is, in the order in which it was registered, whether or not it has values yet.
    pub fn described(&self) -> Vec<Described> {
        self.with(|inner| inner.described.clone())
    }

    /// Registers a number. What is stepped and counted by now is published by it, so all are registered before anything is counted.
    pub(super) fn register(&self, described: Described, metric: impl Metric) {
        self.with(|inner| {
            let base = match described.kind {
                MetricKind::Counter => described.name.trim_end_matches("_total"),
                MetricKind::Info => described.name.trim_end_matches("_info"),
                MetricKind::Gauge | MetricKind::Histogram => &described.name,
            };
            let registry = if described.stepped { &mut inner.stepped } else { &mut inner.at_once };
            registry.register(base, &described.help, metric);
            if described.stepped {
                inner.publish();
            }
            inner.described.push(described);
        });
    }

    fn with<T>(&self, operation: impl FnOnce(&mut Inner) -> T) -> T {
        operation(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    fn publish(&mut self) {
        self.published.clear();
        encode_registry(&mut self.published, &self.stepped).expect("writing into a string does not fail");
    }
}

impl MetricKind {
    /// As Prometheus calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// Of a number that is registered under this name, to which a counter's `_total` is not appended yet.
pub(super) fn describe(name: &str, kind: MetricKind, labels: &[&str], help: &str, stepped: bool) -> Described {
    let end = match kind {
        MetricKind::Counter => "_total",
        MetricKind::Info => "_info",
        MetricKind::Gauge | MetricKind::Histogram => "",
    };
    let labels = labels.iter().map(|&label| label.to_owned()).collect();
    Described { name: format!("{name}{end}"), kind, labels, help: help.to_owned(), stepped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_published_in_steps_and_a_gauge_at_once() {
        let metrics = Metrics::default();
        let [one, other] = metrics.stepped("refused", "Refused", [&[("reason", "spent")], &[("reason", "suspended")]]);
        let gauges = metrics.gauges("alarm", "Alarm", "authority");
        let of_pairs = metrics.gauge_family("behind", "Behind", &["feed", "bucket"]);
        of_pairs.set(&["NO/gaen", "main"], 2);
        of_pairs.set(&["NO/gaen", "main"], 1);
        assert!(metrics.render().contains("behind{feed=\"NO/gaen\",bucket=\"main\"} 1\n"));
        one.count();
        one.count();
        other.count();
        assert_eq!((gauges.set("no", 1), gauges.set("no", 1)), (0, 1));
        let text = metrics.render();
        assert!(text.contains("refused_total{reason=\"spent\"} 0\n") && text.contains("alarm{authority=\"no\"} 1\n"));
        metrics.step();
        metrics.step();
        let text = metrics.render();
        assert!(text.contains("refused_total{reason=\"spent\"} 2\n"), "{text}");
        assert!(text.contains("refused_total{reason=\"suspended\"} 1\n") && text.ends_with("# EOF\n"));
    }

    #[test]
    fn what_has_labels_that_nobody_knew_is_published_in_steps_too() {
        let metrics = Metrics::default();
        let family = metrics.stepped_family("refused", "Refused", &["code", "reason"]);
        family.count(&["bad", ""]);
        family.count_many(&["bad", ""], 2);
        family.count(&["worse", "old"]);
        assert!(!metrics.render().contains("bad"), "not before the step");
        metrics.step();
        metrics.step();
        let text = metrics.render();
        assert!(text.contains("refused_total{code=\"bad\",reason=\"\"} 3\n"), "{text}");
        assert!(text.contains("refused_total{code=\"worse\",reason=\"old\"} 1\n"), "{text}");
    }

    #[test]
    fn nothing_that_is_stepped_shows_between_steps() {
        let metrics = Metrics::of_program("x");
        let gauges = metrics.stepped_gauges("left", "Left", &["authority"]);
        let times = metrics.stepped_histograms("took_seconds", "Took", &["route"], &[0.1, 1.0]);
        let looked = Arc::new(Mutex::new(0));
        let look = Arc::clone(&looked);
        metrics.before_steps(move || *look.lock().expect("whole") += 1);
        metrics.step();
        let before = metrics.render();
        gauges.set(&["no"], 7);
        times.note(&["/v1/publish"], std::time::Duration::from_millis(300));
        assert_eq!(metrics.render(), before);
        metrics.step();
        let text = metrics.render();
        for line in ["left{authority=\"no\"} 7", "took_seconds_bucket{le=\"1.0\",route=\"/v1/publish\"} 1"] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        assert_eq!(*looked.lock().expect("whole"), 2);
    }

    #[test]
    fn a_line_waits_for_the_step_and_is_written_once() {
        let metrics = Metrics::default();
        let written = Arc::new(Mutex::new(0));
        for _ in 0..MOST_LINES + 5 {
            let written = Arc::clone(&written);
            metrics.at_next_step(move || *written.lock().expect("whole") += 1);
        }
        let count = || *written.lock().expect("whole");
        assert_eq!(count(), 0, "not before the step");
        metrics.step();
        metrics.step();
        assert_eq!(count(), MOST_LINES);
    }

    #[test]
    fn several_programs_are_one_text_with_one_end() {
        let programs = ["one", "other"].map(Metrics::of_program);
        let text = Metrics::render_all(&programs);
        assert!(text.contains("one_build_info{") && text.contains("other_build_info{"), "{text}");
        assert_eq!((text.matches("# EOF").count(), text.ends_with("# EOF\n")), (1, true));
    }

    #[test]
    fn what_there_is_is_told_before_it_has_values() {
        let metrics = Metrics::of_program("x");
        metrics.stepped_family("x_refused", "Refused", &["code"]);
        let described = metrics.described();
        let names: Vec<&str> = described.iter().map(|one| one.name.as_str()).collect();
        assert!(names.contains(&"x_refused_total") && names.contains(&"x_build_info"), "{names:?}");
        assert!(!metrics.render().contains("x_refused"));
    }
}
