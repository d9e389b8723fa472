//! How many answers a second there were, and how they ended.

use super::markup::Markup;
use super::over_time::OverTime;
use super::panel::Panel;
use super::plot::{Axis, SMALL, Size, WIDE};
use super::scale::Scale;
use super::table::Table;
use super::thin::Thin;
use crate::results::OperationSeries;
use crate::words::{clock, rate};

/// Counts in the points of a series, one stacked upon the other.
pub(super) struct Stack {
    /// What the schedule asked for; a line of its own.
    asked: Vec<u64>,
    layers: Vec<Layer>,
}

/// One colour of a stack.
pub(super) struct Layer {
    pub(super) class: &'static str,
    pub(super) meaning: String,
    pub(super) counts: Vec<u64>,
}

impl Stack {
    /// The answers of one or more operations by outcome; only the outcomes that occurred.
    pub(super) fn of_outcomes<'a>(operations: impl IntoIterator<Item = &'a OperationSeries>) -> Self {
        let operations: Vec<&OperationSeries> = operations.into_iter().collect();
        let sum = |of: fn(&OperationSeries) -> &Vec<u64>| added(operations.iter().map(|series| of(series)));
        let all_asked = operations.iter().all(|series| series.asked.iter().any(|count| *count > 0));
        let layers = [
            ("done", "done", sum(|series| &series.done)),
            ("same", "not modified (304)", sum(|series| &series.not_modified)),
            ("refused", "refused as expected", sum(|series| &series.refused)),
            ("failed", "failed", sum(|series| &series.failed)),
        ];
        let layers = layers.map(|(class, meaning, counts)| Layer { class, meaning: meaning.to_owned(), counts });
        // Where only some were asked for, the line would be no measure of the others.
        let asked = if all_asked { sum(|series| &series.asked) } else { Vec::new() };
        Self::new(asked, layers.into_iter().collect())
    }

    pub(super) fn new(asked: Vec<u64>, mut layers: Vec<Layer>) -> Self {
        layers.retain(|layer| layer.counts.iter().any(|count| *count > 0));
        Self { asked, layers }
    }

    /// For the whole width of a page, with a small picture that telephones show instead.
    pub(super) fn wide_panel<'a>(&self, time: OverTime<'_>, title: &'a str) -> Panel<'a> {
        let pictures = vec![self.picture(time, WIDE, "wide", title), self.picture(time, SMALL, "narrow", title)];
        self.panel(time, title, pictures)
    }

    /// For a third of a page. `of` says whose answers they are.
    pub(super) fn small_panel<'a>(&self, time: OverTime<'_>, title: &'a str, of: &str) -> Panel<'a> {
        let pictures = vec![self.picture(time, SMALL, "small", &format!("{title}, {of}"))];
        self.panel(time, title, pictures)
    }

    fn panel<'a>(&self, time: OverTime<'_>, title: &'a str, pictures: Vec<Markup>) -> Panel<'a> {
        let mut keys: Vec<(&'static str, String)> = Vec::new();
        keys.extend(self.layers.iter().map(|layer| (layer.class, layer.meaning.clone())));
        if self.was_asked() {
            keys.push(("asked", "asked for".to_owned()));
        }
        Panel { title, unit: "a second".to_owned(), keys, pictures, table: self.table(time, title) }
    }

    fn picture(&self, time: OverTime<'_>, size: Size, class: &str, title: &str) -> Markup {
        let highest = added(self.layers.iter().map(|layer| &layer.counts));
        // The axis must fit what is drawn, which depends on how the points are thinned.
        let (_, thin) = time.plot(size, Axis::labelled(Scale::from_zero(1.0), rate));
        let most = thin.rates(&highest).into_iter().chain(thin.rates(&self.asked)).fold(0.0, f64::max);
        let (mut plot, thin) = time.plot(size, Axis::labelled(Scale::from_zero(most), rate));
        let mut below = vec![0.0; thin.rates(&highest).len()];
        for layer in &self.layers {
            let upper: Vec<f64> = below.iter().zip(thin.rates(&layer.counts)).map(|(low, more)| low + more).collect();
            let points: Vec<(f64, f64, f64)> =
                thin.middles().zip(below.iter().zip(&upper)).map(|(at, (low, high))| (at, *low, *high)).collect();
            plot.area(layer.class, &points);
            below = upper;
        }
        if self.was_asked() {
            plot.line("asked", thin.middles().zip(thin.rates(&self.asked).into_iter().map(Some)));
        }
        plot.tell(self.told(time.told()));
        let described =
            format!("{title} over time, up to {} a second. The figures stand in the table below.", rate(most));
        plot.picture(class, &described)
    }

    fn told(&self, thin: Thin) -> Vec<(f64, f64, String)> {
        let words = thin.steps().enumerate().map(|(at, (from, to))| {
            let mut words = clock(from as u64);
            for layer in &self.layers {
                words += &format!("\n{}: {}/s", layer.meaning, rate(thin.rates(&layer.counts)[at]));
            }
            (from, to, words)
        });
        words.collect()
    }

    fn table(&self, time: OverTime<'_>, title: &str) -> Table {
        let thin = time.rows();
        let mut table = Table::new(&format!("{title} a second"), &["from"]);
        let mut columns: Vec<Vec<f64>> = Vec::new();
        if self.was_asked() {
            table.head.push("asked for".to_owned());
            columns.push(thin.rates(&self.asked));
        }
        for layer in &self.layers {
            table.head.push(layer.meaning.clone());
            columns.push(thin.rates(&layer.counts));
        }
        table.rows = thin
            .steps()
            .enumerate()
            .map(|(at, (from, _))| {
                let cells = columns.iter().map(|column| column.get(at).copied().map_or_else(String::new, rate));
                std::iter::once(clock(from as u64)).chain(cells).collect()
            })
            .collect();
        table
    }

    fn was_asked(&self) -> bool {
        self.asked.iter().any(|count| *count > 0)
    }
}

/// Lists of equal length, added point by point.
fn added<'a>(lists: impl Iterator<Item = &'a Vec<u64>>) -> Vec<u64> {
    let mut sum = Vec::new();
    for list in lists {
        sum.resize(list.len().max(sum.len()), 0);
        sum.iter_mut().zip(list).for_each(|(sum, more)| *sum += more);
    }
    sum
}
