//! What of a day is shown: decided once, from its counts and from what is shown of the days before.
//!
//! A figure is rounded down to a step and withheld below the threshold. That is not enough, since kinds hang together: a code is claimed or
//! expires, at most once, on the day on which it was issued or on the next; so with deliveries, and with tokens and certificates. Where little
//! was issued and much is claimed next to it, the withheld figure can be reckoned. The rules below leave so much room that whoever knows all
//! figures, these rules and how kinds hang together cannot tell that a withheld one is none of the numbers from zero up to the threshold:
//!
//! - What becomes of codes is shown only beside what they are part of, of that day and of the one before. So a day whose issued codes are
//!   withheld may have had none, and nothing else says otherwise.
//! - On no run of days is more shown to have become of codes than is shown to have been issued on them and the day before, whereby a day on
//!   which something is withheld is reckoned with as much as a threshold. So there is always room for what is withheld.
//! - Nor is so little shown to have become of them that a withheld figure must make up for the rest.
//!
//! A figure that these rules do not allow is withheld as if it were too small, whatever it is, and looks the same.

use store::CounterKind::{Certified, Claimed, Delivered, Expired, Issued, UserReportClaimed, UserReportIssued};
use store::{CounterKind, DayCounts, PerKind, Statistic};

use super::threshold::{STEP, Threshold};

/// How counts become figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Withholding {
    /// Figures are multiples of it.
    pub(super) step: u64,
    /// No figure is below it. A multiple of the step.
    pub(super) threshold: u64,
}

impl From<Threshold> for Withholding {
    fn from(threshold: Threshold) -> Self {
        Self { step: STEP, threshold: threshold.get() }
    }
}

impl Withholding {
    /// Adds a day to those that are shown, which end on the day before; before the first of them, nothing ever happened.
    pub(super) fn add(self, days: &mut Vec<Statistic>, counted: &DayCounts) {
        let figures = PerKind::from_fn(|kind| self.figure(counted.counts[kind]));
        days.push(Statistic { day: counted.day, figures: PerKind::default() });
        show(days, &[(Issued, figures[Issued]), (UserReportIssued, figures[UserReportIssued])]);
        // As much as may be shown of both ends of a code, claims first.
        let ends = [(Claimed, figures[Claimed]), (Expired, figures[Expired])];
        for shown in [&ends[..], &ends[..1], &ends[1..]] {
            show(days, &[(Claimed, None), (Expired, None)]);
            show(days, shown);
            if self.has_room(days, Issued, &[Claimed, Expired]) && self.is_made_up_for(days) {
                break;
            }
            show(days, &[(Claimed, None), (Expired, None)]);
        }
        for (kind, of) in [(Delivered, Issued), (UserReportClaimed, UserReportIssued), (Certified, Claimed)] {
            show(days, &[(kind, figures[kind])]);
            if !self.has_room(days, of, &[kind]) {
                show(days, &[(kind, None)]);
            }
        }
    }

    fn figure(self, count: u64) -> Option<u64> {
        (count >= self.threshold).then(|| count / self.step * self.step)
    }

    /// Whether what is shown to have become of codes since any day leaves room for what is withheld of it, in what is shown to have been there.
    /// A day on which that is withheld has room for anything.
    fn has_room(self, days: &[Statistic], whole: CounterKind, parts: &[CounterKind]) -> bool {
        let Some(today) = days.last() else { return true };
        if parts.iter().all(|part| today.figures[*part].is_none()) {
            return true;
        }
        if today.figures[whole].is_none() || days.iter().nth_back(1).is_some_and(|day| day.figures[whole].is_none()) {
            return false;
        }
        let (mut there, mut became) = (0, 0);
        for (index, day) in days.iter().enumerate().rev() {
            let before = index.checked_sub(1).map_or(Some(0), |before| days[before].figures[whole]);
            let (Some(here), Some(before)) = (day.figures[whole], before) else { return true };
            there += here;
            became += self.reckoned(day, parts);
            if became > there + before {
                return false;
            }
        }
        true
    }

    /// What is shown of these kinds, and a threshold more if something of them is withheld.
    fn reckoned(self, day: &Statistic, kinds: &[CounterKind]) -> u64 {
        let shown = kinds.iter().filter_map(|kind| day.figures[*kind]).sum::<u64>();
        let withheld = kinds.iter().any(|kind| day.figures[*kind].is_none());
        shown + if withheld { self.threshold } else { 0 }
    }

    /// Whether codes that were issued since any day and have ended since then could all have ended as is shown, if one figure of these ends is
    /// withheld; if two are, each may make up for the other.
    fn is_made_up_for(self, days: &[Statistic]) -> bool {
        let (mut issued, mut ended, mut withheld) = (0, 0, 0);
        for (index, day) in days.iter().enumerate().rev() {
            // What was issued today may end tomorrow.
            if index + 1 < days.len() {
                let Some(figure) = day.figures[Issued] else { return true };
                issued += self.at_most(figure);
            }
            let ends = [Claimed, Expired].map(|kind| day.figures[kind]);
            withheld += ends.iter().filter(|figure| figure.is_none()).count();
            ended += ends.into_iter().flatten().map(|figure| self.at_most(figure)).sum::<u64>();
            if withheld > 1 {
                return true;
            }
            if withheld == 1 && issued > ended {
                return false;
            }
        }
        true
    }

    /// The largest count that is shown as this.
    fn at_most(self, figure: u64) -> u64 {
        figure + self.step - 1
    }
}

/// Sets figures of the last day.
fn show(days: &mut [Statistic], figures: &[(CounterKind, Option<u64>)]) {
    if let Some(today) = days.last_mut() {
        for &(kind, figure) in figures {
            today.figures[kind] = figure;
        }
    }
}
