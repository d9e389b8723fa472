//! Numbers for operators, on a listener of their own, in the text format that Prometheus reads.
//!
//! What phones do is counted at once and published in steps, so that nobody who reads the numbers often sees a single request pass.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::HttpResponse;
use actix_web::dev::Server;
use actix_web::web;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::listen::listen;

/// What the text is (OpenMetrics 1.0).
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(String, String)>;

/// The numbers of one program. Clones share them.
#[derive(Clone, Default)]
pub struct Metrics {
    /// Guards the lists; the numbers themselves are changed without.
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    registry: Registry,
    stepped: Vec<SteppedCounter>,
    families: Vec<SteppedFamily>,
}

/// A number of each of several things that goes up and down.
#[derive(Clone)]
pub struct Gauges {
    label: &'static str,
    family: Family<Labels, Gauge>,
}

/// Numbers that go up and down, one for each set of labels that was ever set.
#[derive(Clone)]
pub struct GaugeFamily {
    labels: &'static [&'static str],
    family: Family<Labels, Gauge>,
}

/// A number that goes up, and is published in steps.
#[derive(Clone)]
pub struct SteppedCounter {
    pending: Arc<AtomicU64>,
    published: Counter,
}

/// Numbers that go up and are published in steps, one for each set of labels that was ever counted.
#[derive(Clone)]
pub struct SteppedFamily {
    labels: &'static [&'static str],
    /// Guards what was counted since the last step.
    pending: Arc<Mutex<BTreeMap<Labels, u64>>>,
    published: Family<Labels, Counter>,
}

impl Metrics {
    /// A gauge for each value of `label`.
    pub fn gauges(&self, name: &str, help: &str, label: &'static str) -> Gauges {
        let gauges = Gauges { label, family: Family::default() };
        self.with(|inner| inner.registry.register(name, help, gauges.family.clone()));
        gauges
    }

    /// A gauge for each set of values of labels with these names; they must be few and say nothing about anybody.
    pub fn gauge_family(&self, name: &str, help: &str, labels: &'static [&'static str]) -> GaugeFamily {
        let gauges = GaugeFamily { labels, family: Family::default() };
        self.with(|inner| inner.registry.register(name, help, gauges.family.clone()));
        gauges
    }

    /// A counter for each of these sets of labels, in their order. `_total` is appended to its name.
    pub fn stepped<const N: usize>(&self, name: &str, help: &str, labels: [&[(&str, &str)]; N]) -> [SteppedCounter; N] {
        let family = Family::<Labels, Counter>::default();
        let counters = labels.map(|labels| {
            let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
            SteppedCounter { pending: Arc::default(), published: family.get_or_create_owned(&labels) }
        });
        self.with(|inner| {
            inner.registry.register(name, help, family);
            inner.stepped.extend(counters.iter().cloned());
        });
        counters
    }

    /// Counters whose labels have these names and values that are not known beforehand; they must be few and say nothing about anybody. `_total` is
    /// appended to the name.
    pub fn stepped_family(&self, name: &str, help: &str, labels: &'static [&'static str]) -> SteppedFamily {
        let family = SteppedFamily { labels, pending: Arc::default(), published: Family::default() };
        self.with(|inner| {
            inner.registry.register(name, help, family.published.clone());
            inner.families.push(family.clone());
        });
        family
    }

    /// Publishes what was counted since the last step.
    pub fn step(&self) {
        self.with(|inner| {
            inner.stepped.iter().for_each(SteppedCounter::step);
            inner.families.iter().for_each(SteppedFamily::step);
        });
    }

    /// All of them as text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        self.with(|inner| encode(&mut text, &inner.registry)).expect("writing into a string does not fail");
        text
    }

    fn with<T>(&self, operation: impl FnOnce(&mut Inner) -> T) -> T {
        operation(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
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
}

impl SteppedCounter {
    /// Counts one.
    pub fn count(&self) {
        self.pending.fetch_add(1, Ordering::Relaxed);
    }

    fn step(&self) {
        self.published.inc_by(self.pending.swap(0, Ordering::Relaxed));
    }
}

impl SteppedFamily {
    /// Counts one with these values, in the order of the labels' names.
    pub fn count(&self, values: &[&str]) {
        self.count_many(values, 1);
    }

    /// Counts so many.
    pub fn count_many(&self, values: &[&str], many: u64) {
        *self.pending().entry(labelled(self.labels, values)).or_default() += many;
    }

    fn step(&self) {
        for (labels, counted) in std::mem::take(&mut *self.pending()) {
            self.published.get_or_create(&labels).inc_by(counted);
        }
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<Labels, u64>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn labelled(names: &[&str], values: &[&str]) -> Labels {
    names.iter().zip(values).map(|(&name, &value)| (name.to_owned(), value.to_owned())).collect()
}

/// Serves `GET /metrics` on a listener that is already bound. For operators: it belongs on an address that phones do not reach.
///
/// # Errors
/// Those of the listener.
pub fn listen_metrics(listener: TcpListener, metrics: Metrics) -> io::Result<Server> {
    listen(listener, None, move |cfg| {
        let metrics = metrics.clone();
        let show = move || {
            let text = metrics.render();
            async move { HttpResponse::Ok().content_type(CONTENT_TYPE).body(text) }
        };
        cfg.route("/metrics", web::get().to(show));
    })
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
}
