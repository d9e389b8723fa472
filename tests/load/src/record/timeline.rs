//! The run cut into slots of equal length: seconds at first, longer ones when the run gets long.

use std::time::Duration;

/// How many seconds a slot may have: always a multiple of the one before, so that slots merge without remainder.
const LENGTHS: [u32; 5] = [1, 10, 60, 600, 3_600];

/// How many slots there are before they are merged: an hour of seconds, ten hours of tens, sixty hours of minutes.
pub(super) const MOST_SLOTS: usize = 3_600;

/// What a slot holds must be able to take up what another one holds.
pub(super) trait Absorb: Default {
    /// Takes up the slot that follows.
    fn absorb(&mut self, next: &Self);
}

/// The slots from the start of the run to the last one that was touched.
#[derive(Clone, Debug)]
pub(super) struct Timeline<S> {
    seconds: u32,
    slots: Vec<S>,
}

impl<S> Default for Timeline<S> {
    fn default() -> Self {
        Self { seconds: LENGTHS[0], slots: Vec::new() }
    }
}

impl<S: Absorb> Timeline<S> {
    /// The slot of a moment, counted from the start of the run.
    pub(super) fn at(&mut self, since_start: Duration) -> &mut S {
        let mut at = self.index(since_start);
        while at >= MOST_SLOTS && self.coarsen() {
            at = self.index(since_start);
        }
        // Five months in, there is nothing longer than an hour: the last slot takes the rest.
        let at = at.min(MOST_SLOTS - 1);
        if at >= self.slots.len() {
            self.slots.resize_with(at + 1, S::default);
        }
        &mut self.slots[at]
    }

    /// Merges slots until they have at least so many seconds.
    pub(super) fn coarsen_to(&mut self, seconds: u32) {
        while self.seconds < seconds && self.coarsen() {}
    }

    /// The length of a slot in seconds.
    pub(super) fn seconds(&self) -> u32 {
        self.seconds
    }

    /// All slots from the start on.
    pub(super) fn slots(&self) -> &[S] {
        &self.slots
    }

    /// The slots that overlap the time from `from` on.
    pub(super) fn since(&self, from: Duration) -> &[S] {
        self.slots.get(self.index(from)..).unwrap_or_default()
    }

    fn index(&self, since_start: Duration) -> usize {
        usize::try_from(since_start.as_secs() / u64::from(self.seconds)).unwrap_or(usize::MAX)
    }

    /// Goes to the next length. False if there is none.
    fn coarsen(&mut self) -> bool {
        let Some(&longer) = LENGTHS.iter().find(|&&length| length > self.seconds) else { return false };
        let merged = self.slots.chunks(longer.div_euclid(self.seconds) as usize).map(|chunk| {
            let mut one = S::default();
            chunk.iter().for_each(|slot| one.absorb(slot));
            one
        });
        self.slots = merged.collect();
        self.seconds = longer;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Absorb for u64 {
        fn absorb(&mut self, next: &Self) {
            *self += next;
        }
    }

    #[test]
    fn seconds_become_tens_and_tens_become_minutes_and_nothing_is_lost() {
        let mut timeline: Timeline<u64> = Timeline::default();
        for second in 0..3_600 {
            *timeline.at(Duration::from_secs(second)) += 1;
        }
        assert_eq!((timeline.seconds(), timeline.slots().len()), (1, 3_600));
        *timeline.at(Duration::from_secs(3_600)) += 1;
        assert_eq!((timeline.seconds(), timeline.slots().len()), (10, 361));
        *timeline.at(Duration::from_secs(36_000)) += 1;
        assert_eq!((timeline.seconds(), timeline.slots().len()), (60, 601));
        assert_eq!(timeline.slots().iter().sum::<u64>(), 3_602);
        *timeline.at(Duration::from_secs(u64::MAX)) += 1;
        assert_eq!((timeline.seconds(), timeline.slots().len()), (3_600, MOST_SLOTS));
        assert_eq!(timeline.slots().iter().sum::<u64>(), 3_603);
    }
}
