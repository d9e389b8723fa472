//! Fewer points: a plot is some hundred units wide, and a run may have thousands of seconds.

use crate::results::Series;

/// A way to thin lists: so many points become one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thin {
    points: usize,
    each: usize,
    seconds_per_point: f64,
}

impl Thin {
    /// The points of a series in at most so many steps.
    pub(super) fn to(series: &Series, most: usize) -> Self {
        Self::of(series.points, series.seconds_per_point, most)
    }

    /// So many points of so many seconds in at most so many steps.
    pub(super) fn of(points: usize, seconds_per_point: u32, most: usize) -> Self {
        let each = points.div_ceil(most.max(1)).max(1);
        Self { points, each, seconds_per_point: f64::from(seconds_per_point) }
    }

    /// The length of a step in seconds.
    pub(super) fn seconds(self) -> f64 {
        self.each as f64 * self.seconds_per_point
    }

    /// The length of all steps in seconds, which is that of the time axis.
    pub(super) fn all_seconds(self) -> f64 {
        (self.points as f64 * self.seconds_per_point).max(1.0)
    }

    /// The beginnings of the steps in seconds since the start, and their ends.
    pub(super) fn steps(self) -> impl Iterator<Item = (f64, f64)> {
        let count = self.points.div_ceil(self.each);
        let moment = move |step: usize| (step as f64 * self.seconds()).min(self.all_seconds());
        (0..count).map(move |step| (moment(step), moment(step + 1)))
    }

    /// The middles of the steps, where their values are drawn.
    pub(super) fn middles(self) -> impl Iterator<Item = f64> {
        self.steps().map(|(from, to)| f64::midpoint(from, to))
    }

    /// Counts, as the mean rate a second of each step.
    pub(super) fn rates(self, counts: &[u64]) -> Vec<f64> {
        counts
            .chunks(self.each)
            .map(|of| of.iter().sum::<u64>() as f64 / (of.len() as f64 * self.seconds_per_point))
            .collect()
    }

    /// The highest value of each step: no stall is thinned away.
    pub(super) fn highest(self, values: &[Option<f64>]) -> Vec<Option<f64>> {
        values.chunks(self.each).map(|of| of.iter().flatten().copied().reduce(f64::max)).collect()
    }

    /// The middle one of each step's values.
    pub(super) fn middle(self, values: &[Option<f64>]) -> Vec<Option<f64>> {
        let middle = |of: &[Option<f64>]| {
            let mut known: Vec<f64> = of.iter().flatten().copied().collect();
            known.sort_by(f64::total_cmp);
            known.get(known.len() / 2).copied()
        };
        values.chunks(self.each).map(middle).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_sums_and_peaks() {
        let series = Series { seconds_per_point: 10, points: 5, ..Series::default() };
        let thin = Thin::to(&series, 3);
        assert_eq!(thin.seconds(), 20.0);
        assert_eq!(thin.rates(&[10, 20, 30, 40, 50]), [1.5, 3.5, 5.0]);
        let values = [Some(1.0), Some(9.0), None, None, Some(2.0)];
        assert_eq!(thin.highest(&values), [Some(9.0), None, Some(2.0)]);
        assert_eq!(thin.middle(&values), [Some(9.0), None, Some(2.0)]);
        assert_eq!(thin.steps().collect::<Vec<_>>(), [(0.0, 20.0), (20.0, 40.0), (40.0, 50.0)]);
    }
}
