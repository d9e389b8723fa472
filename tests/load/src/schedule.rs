//! When things happen: an open loop, whose times are fixed before anybody knows how the deployment bears them.

use std::time::Duration;

use clap::ValueEnum;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// How arrivals are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arrivals {
    /// As independent people come: by chance, sometimes several at once (a Poisson process).
    Poisson,
    /// At equal distances.
    Even,
}

/// How much, for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Arrivals a second once the ramp is over.
    pub per_second: f64,
    /// How long the rate rises, evenly, from nothing to all of it.
    pub ramp: Duration,
    /// When it ends, the ramp included.
    pub duration: Duration,
}

/// The times of one actor's arrivals, counted from the start of the run, in order. The same seed gives the same times.
#[derive(Debug)]
pub struct Schedule {
    shape: Shape,
    arrivals: Arrivals,
    rng: StdRng,
    /// How many arrivals should have come by now, were there no chance.
    expected: f64,
}

impl Schedule {
    /// The arrivals of an actor; `stream` tells the actors of one seed apart.
    pub fn new(shape: Shape, arrivals: Arrivals, (seed, stream): (u64, u64)) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // Evenly spaced actors begin somewhere in their first interval: otherwise all of them would always act at once.
        let expected = match arrivals {
            Arrivals::Poisson => 0.0,
            Arrivals::Even => rng.random::<f64>() - 1.0,
        };
        Self { shape, arrivals, rng, expected }
    }

    /// When so many arrivals should have come: the inverse of the area under the rate.
    fn at(&self, expected: f64) -> f64 {
        let (rate, ramp) = (self.shape.per_second, self.shape.ramp.as_secs_f64());
        if expected < rate * ramp / 2.0 { (2.0 * ramp * expected / rate).sqrt() } else { expected / rate + ramp / 2.0 }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.shape.per_second <= 0.0 {
            return None;
        }
        self.expected += match self.arrivals {
            // Distances of a Poisson process are exponential; 1 - x is never 0.
            Arrivals::Poisson => -(1.0 - self.rng.random::<f64>()).ln(),
            Arrivals::Even => 1.0,
        };
        let at = self.at(self.expected);
        let at = Duration::try_from_secs_f64(at).ok().filter(|at| *at < self.shape.duration);
        if at.is_none() {
            // Ended for good, whatever chance would say next.
            self.shape.per_second = 0.0;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn times(per_second: f64, ramp: Duration, arrivals: Arrivals, seed: u64) -> Vec<Duration> {
        Schedule::new(Shape { per_second, ramp, duration: MINUTE }, arrivals, (seed, 1)).collect()
    }

    #[test]
    fn arrivals_come_in_order_at_the_rate_that_was_asked_for() {
        for arrivals in [Arrivals::Poisson, Arrivals::Even] {
            let times = times(100.0, Duration::ZERO, arrivals, 7);
            assert!(times.is_sorted() && times.iter().all(|at| *at < MINUTE));
            // 6,000 give or take: by chance no further than 6 times the square root, once in a billion.
            assert!(times.len().abs_diff(6_000) < 470, "{}", times.len());
        }
        let even = times(10.0, Duration::ZERO, Arrivals::Even, 3);
        let distances = even.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64());
        assert!(distances.into_iter().all(|distance| (distance - 0.1).abs() < 1e-6));
    }

    #[test]
    fn a_ramp_begins_with_nothing_and_has_half_of_the_arrivals_of_its_time() {
        for arrivals in [Arrivals::Poisson, Arrivals::Even] {
            let times = times(100.0, MINUTE, arrivals, 7);
            assert!(times.len().abs_diff(3_000) < 330, "{}", times.len());
            let first_quarter = times.iter().filter(|at| **at < MINUTE / 4).count();
            assert!(first_quarter < 300, "a sixteenth of all, and not {first_quarter}");
        }
    }

    #[test]
    fn a_seed_decides_everything_and_another_one_something_else() {
        let poisson = |seed| times(5.0, Duration::ZERO, Arrivals::Poisson, seed);
        assert_eq!(poisson(1), poisson(1));
        assert_ne!(poisson(1), poisson(2));
    }

    #[test]
    fn nothing_is_asked_for_at_no_rate() {
        assert!(times(0.0, Duration::ZERO, Arrivals::Poisson, 1).is_empty());
        let mut ended = Schedule::new(
            Shape { per_second: 1.0, ramp: Duration::ZERO, duration: Duration::ZERO },
            Arrivals::Even,
            (1, 1),
        );
        assert!(ended.next().is_none() && ended.next().is_none());
    }
}
