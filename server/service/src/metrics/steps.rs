//! When what is counted is published.
//!
//! Whoever reads the numbers of several processes sees each of them change at the end of its step. Were the steps of one to begin when it started, two
//! processes together would tell of pieces as short as the distance between their starts. So the steps of all end together, at whole multiples of five
//! minutes of the clock on the wall, and none is shorter than that.

use proto::Timestamp;

/// How long a step is at least, in seconds, and what its end is a multiple of.
const STEP: i64 = 300;

/// When the next step ends after one that ended at `last`: the first multiple that is no less than a whole step away.
fn next_step(last: Timestamp) -> Timestamp {
    last.plus(STEP).ceil(STEP)
}

/// The end of the step that is under way; none before the first one, which ends at once, when nobody can have asked for anything yet.
#[derive(Debug, Default)]
pub(super) struct Steps(Option<Timestamp>);

impl Steps {
    /// Whether a step is over. If so, the next one begins. After a clock was set back by more than a step, the one that is under way is a new one.
    pub(super) fn is_over(&mut self, now: Timestamp) -> bool {
        let is_over = self.0.is_none_or(|end| now >= end);
        let is_ahead = self.0.is_some_and(|end| end > next_step(now).plus(STEP));
        if is_over || is_ahead {
            self.0 = Some(next_step(now));
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_ends_at_a_multiple_of_five_minutes_and_is_no_shorter() {
        for (last, next) in [(0, 300), (600, 900), (601, 1_200), (899, 1_200), (900, 1_200)] {
            assert_eq!(next_step(Timestamp::from_unix(last)), Timestamp::from_unix(next), "after {last}");
        }
    }

    #[test]
    fn processes_that_started_apart_publish_together() {
        let ends = |start: i64| {
            let mut steps = Steps::default();
            let ends = (start..4_000).filter(|now| steps.is_over(Timestamp::from_unix(*now)));
            ends.skip_while(|end| *end < 1_500).collect::<Vec<_>>()
        };
        assert_eq!(ends(17), [1_500, 1_800, 2_100, 2_400, 2_700, 3_000, 3_300, 3_600, 3_900]);
        for start in [1, 299, 300, 301, 444] {
            assert_eq!(ends(start), ends(17), "started at {start}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_ends_no_step_early_and_stops_none() {
        let mut steps = Steps::default();
        let mut is_over = |now| steps.is_over(Timestamp::from_unix(now));
        assert!(is_over(9_000));
        assert_eq!([is_over(5_000), is_over(5_299), is_over(5_399), is_over(5_400)], [false, false, false, true]);
    }
}
