//! What operators see of guessing.

use service::{Gauges, Metrics, SteppedCounter};
use store::Spelling;

/// An alarm for each authority, and how many guesses were wrong or refused. Nothing says who guessed.
pub(crate) struct GuessMetrics {
    alarm: Gauges,
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
        let counters = |name: &str, help: &str| metrics.stepped(&format!("pratique_verification_{name}"), help, FORMS);
        Self {
            alarm,
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
