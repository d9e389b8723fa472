//! What all plots along the time share: the axis, the marks, and the words for a step.

use super::plot::{Axis, Plot, SMALL, Size};
use super::scale::{Scale, time_step};
use super::thin::Thin;
use crate::results::{Mark, Series};
use crate::words::clock;

/// Steps of a small plot, of a wide one, and of what is told when a pointer rests there.
const STEPS: usize = 130;
const WIDE_STEPS: usize = 360;
pub(super) const TOLD_STEPS: usize = 40;
/// Rows of a table that stands for a plot.
pub(super) const ROWS: usize = 12;

/// The time of a run.
#[derive(Clone, Copy)]
pub(super) struct OverTime<'a> {
    series: &'a Series,
    marks: &'a [Mark],
    steps: usize,
}

impl<'a> OverTime<'a> {
    pub(super) fn new(series: &'a Series, marks: &'a [Mark]) -> Self {
        Self { series, marks, steps: WIDE_STEPS }
    }

    /// The same in fewer steps, for what is so rare that many would only show noise. None means: as many as there is room for.
    pub(super) fn in_steps(self, steps: usize) -> Self {
        Self { steps: if steps == 0 { WIDE_STEPS } else { steps }, ..self }
    }

    /// An empty plot along the time, and how its points are thinned.
    pub(super) fn plot(self, size: Size, y: Axis) -> (Plot, Thin) {
        let room = if size.width > SMALL.width { WIDE_STEPS } else { STEPS };
        let thin = Thin::to(self.series, room.min(self.steps));
        let (seconds, step) = (thin.all_seconds(), time_step(thin.all_seconds(), size.width / 78.0));
        let labels = (0..=(seconds / step) as u32).map(|at| f64::from(at) * step);
        let labels = labels.map(|at| (at, clock(at as u64))).collect();
        let mut plot = Plot::new(size, Axis { scale: Scale::Linear(0.0, seconds), labels }, y);
        for (number, mark) in self.marks.iter().enumerate() {
            plot.mark(mark.at_seconds, &(number + 1).to_string());
        }
        (plot, thin)
    }

    /// The points thinned for what is told in the plot.
    pub(super) fn told(self) -> Thin {
        Thin::to(self.series, TOLD_STEPS.min(self.steps))
    }

    /// The points thinned for the rows of a table.
    pub(super) fn rows(self) -> Thin {
        Thin::to(self.series, ROWS)
    }
}
