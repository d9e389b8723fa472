//! Slots that are looked at together.

use super::slot::Slot;
use super::spread::Spread;
use crate::results::Windows;

/// How many windows there may be, and how many requests each must then have: a hundred, so that one in a hundred is one. The fewer requests,
/// the fewer windows, but the time must still be seen.
const FITTING: [(usize, u64); 3] = [(200, 100), (65, 10), (24, 0)];
/// Lengths that people think in, in seconds.
const LENGTHS: [u32; 13] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200];

/// The times of slots of so many seconds, over windows of a fitting length.
pub(super) fn windows(slots: &[&Slot], seconds: u32) -> Windows {
    let each = each(slots, seconds);
    let merged = slots.chunks(each).map(|slots| {
        let mut all = Spread::default();
        slots.iter().for_each(|slot| all.absorb(&slot.latency));
        all
    });
    let merged: Vec<Spread> = merged.collect();
    let times = |of: fn(&Spread) -> Option<f64>| merged.iter().map(of).collect();
    Windows {
        seconds_per_window: seconds.saturating_mul(u32::try_from(each).unwrap_or(u32::MAX)),
        p50_ms: times(|spread| spread.percentile_ms(50.0)),
        p99_ms: times(|spread| spread.percentile_ms(99.0)),
        max_ms: times(Spread::longest_ms),
    }
}

/// How many slots make a window.
fn each(slots: &[&Slot], seconds: u32) -> usize {
    let requests: u64 = slots.iter().map(|slot| slot.latency.count()).sum();
    let windows = |each: usize| slots.len().div_ceil(each);
    let multiples =
        LENGTHS.iter().filter(|length| length.is_multiple_of(seconds)).map(|length| (length / seconds) as usize);
    let fits = |each: &usize| {
        let of_each = |(most, requests_each): &(usize, u64)| {
            windows(*each) <= *most && requests >= requests_each.saturating_mul(windows(*each) as u64)
        };
        FITTING.iter().any(of_each)
    };
    multiples.into_iter().find(fits).unwrap_or_else(|| slots.len().div_ceil(FITTING[2].0).max(1))
}
