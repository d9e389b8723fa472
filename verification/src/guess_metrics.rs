//! What operators see of guessing.

use service::{GaugeFamily, Gauges, Metrics, SteppedCounter};
use store::Spelling;

/// How the names of all metrics of this service begin.
pub(crate) const PREFIX: &str = "pratique_verification";

/// An alarm for each authority, and how many guesses were wrong or refused. Nothing says who guessed.
pub(crate) struct GuessMetrics {
    alarm: Gauges,
    left: GaugeFamily,
    wrong: [SteppedCounter; 2],
    spent: [SteppedCounter; 2],
    suspended: [SteppedCounter; 2],
}

impl GuessMetrics {
    /// Adds them to `metrics`.
    pub(crate) fn register(metrics: &Metrics) -> Self {
        const FORMS: [&[(&str, &str)]; 2] = [&[("form", "digits")], &[("form", "crockford")]];
        let alarm = metrics.gauges(
            "pratique_verification_guessing_alarm",
            "1 while the budget of wrong digit codes is spent and an authority's new codes are Crockford codes",
            "authority",
        );
        let counters = |name: &str, help: &str| metrics.stepped(&format!("{PREFIX}_{name}"), help, FORMS);
        let left = metrics.stepped_gauges(
            "pratique_verification_guesses_left",
            "How many wrong codes may still be looked up in this hour for an authority, or for all together (empty) until networks that failed before \
             are refused",
            &["authority", "form"],
        );
        Self {
            alarm,
            left,
            wrong: counters("guesses_wrong", "Codes that were looked up in vain"),
            spent: counters(
                "guesses_spent",
                "Codes not looked up: their network or relay had failed too often in the hour",
            ),
            suspended: counters(
                "guesses_suspended",
                "Codes not looked up: a budget that all share was spent, and their network had failed within a day",
            ),
        }
    }

    /// Says whether the alarm is up for an authority; whether it was.
    pub(crate) fn alarm(&self, authority: &str, up: bool) -> bool {
        self.alarm.set(authority, i64::from(up)) == 1
    }

    /// Says how much is left of an authority's budget, or of that of all together if it is empty.
    pub(crate) fn left(&self, authority: &str, spelling: Spelling, left: u64) {
        let form = match spelling {
            Spelling::Digits => "digits",
            Spelling::Crockford => "crockford",
        };
        self.left.set(&[authority, form], i64::try_from(left).unwrap_or(i64::MAX));
    }

    /// Counts a code that was looked up in vain.
    pub(crate) fn wrong(&self, spelling: Spelling) {
        of(&self.wrong, spelling).count();
    }

    /// Counts a code that was not looked up for a network or relay that had failed too often.
    pub(crate) fn spent(&self, spelling: Spelling) {
        of(&self.spent, spelling).count();
    }

    /// Counts a code that was not looked up because a budget that all share was spent.
    pub(crate) fn suspended(&self, spelling: Spelling) {
        of(&self.suspended, spelling).count();
    }
}

fn of(counters: &[SteppedCounter; 2], spelling: Spelling) -> &SteppedCounter {
    match spelling {
        Spelling::Digits => &counters[0],
        Spelling::Crockford => &counters[1],
    }
}
