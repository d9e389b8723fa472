//! What can be counted and measured.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

pub(super) type Labels = Vec<(String, String)>;

/// A number of each of several things that goes up and down.
#[derive(Clone)]
pub struct Gauges {
    pub(super) label: &'static str,
    pub(super) family: Family<Labels, Gauge>,
}

/// Numbers that go up and down, one for each set of labels that was ever set.
#[derive(Clone)]
pub struct GaugeFamily {
    pub(super) labels: &'static [&'static str],
    pub(super) family: Family<Labels, Gauge>,
}

/// A number that goes up, and is published in steps.
#[derive(Clone)]
pub struct SteppedCounter(pub(super) Counter);

/// Numbers that go up and are published in steps, one for each set of labels that was ever counted.
#[derive(Clone)]
pub struct SteppedFamily {
    pub(super) labels: &'static [&'static str],
    pub(super) family: Family<Labels, Counter>,
}

/// How long things took, published in steps, one distribution for each set of labels that was ever measured.
#[derive(Clone)]
pub struct Histograms {
    pub(super) labels: &'static [&'static str],
    pub(super) family: Family<Labels, Histogram, Bounds>,
}

/// The upper ends of a distribution's parts, in seconds, in rising order.
#[derive(Clone)]
pub(super) struct Bounds(pub(super) &'static [f64]);

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// The next multiple of a grain. A number that each request moves is told in such pieces: to the unit it would say that somebody came, and when.
pub fn rounded_up(number: i64, grain: i64) -> i64 {
    number.saturating_add(grain - 1) / grain * grain
}

impl Gauges {
    /// Sets the number of the thing with this label; what it was before, 0 if nothing.
    pub fn set(&self, value: &str, number: i64) -> i64 {
        self.family.get_or_create(&vec![(self.label.to_owned(), value.to_owned())]).set(number)
    }
}

impl GaugeFamily {
    /// Sets the number of the thing with these values, in the order of the labels' names.
    pub fn set(&self, values: &[&str], number: i64) {
        self.family.get_or_create(&labelled(self.labels, values)).set(number);
    }

    /// Has the thing with these values shown: at 0, unless it was set before.
    pub fn show(&self, values: &[&str]) {
        drop(self.family.get_or_create(&labelled(self.labels, values)));
    }
}

impl SteppedCounter {
    /// Counts one.
    pub fn count(&self) {
        self.0.inc();
    }

    /// Counts so many.
    pub fn count_many(&self, many: u64) {
        self.0.inc_by(many);
    }
}

impl SteppedFamily {
    /// Has what has these values shown from now on, at 0 until it is counted: from one that appears with its first count, Prometheus learns no increase.
    pub fn show(&self, values: &[&str]) {
        drop(self.family.get_or_create(&labelled(self.labels, values)));
    }

    /// Counts one with these values, in the order of the labels' names.
    pub fn count(&self, values: &[&str]) {
        self.count_many(values, 1);
    }

    /// Counts so many.
    pub fn count_many(&self, values: &[&str], many: u64) {
        self.family.get_or_create(&labelled(self.labels, values)).inc_by(many);
    }
}

impl Histograms {
    /// Notes how long the thing with these values took.
    pub fn note(&self, values: &[&str], took: Duration) {
        self.family.get_or_create(&labelled(self.labels, values)).observe(took.as_secs_f64());
    }
}

fn labelled(names: &[&str], values: &[&str]) -> Labels {
    names.iter().zip(values).map(|(&name, &value)| (name.to_owned(), value.to_owned())).collect()
}
