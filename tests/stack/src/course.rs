//! Whether a process gives back what it takes.
//!
//! **Memory** goes up and down with the work, and an allocator keeps some of what was given back. What tells a leak is the lower envelope: what a process
//! still holds when it holds least. So the time after a warm-up of a third is cut into windows, each counts by its minimum, and a straight line is
//! laid through the minima: Theil's and Sen's, the median over all pairs of windows, which odd windows cannot move. A process grows if that line
//! rises by more than [`GROWTH`] from the first window to the last. Of 30 minutes, of which 20 count, that is 1.9 KB a second: a leak of 250 bytes a
//! person is found where eight come a second, one of 120 KB an export where it is one a minute.
//!
//! Nothing else is found, because what grows normally does not grow for ever and is over in the warm-up: pools open their connections, tables of
//! networks have their full size from the start, threads get their arenas, caches their working set. Services under a country's load then move by a
//! tenth of the allowance. What may still come are single steps (a table doubles, somebody needs one more connection) and chance (how little was under
//! way when it was least). Neither lies on a line, so the allowance has a second part, the scatter of the windows around it: the median of their
//! distances, [`SCATTER`] times. Minima that only chance moves do not come to both in 10,000 simulated runs. A leak has no scatter: it lies on its line.
//!
//! **Descriptors** of a program are those of its callers, who are more when a machine is slow. So they count when nobody calls, after the load as before it:
//! then there may be [`DESCRIPTORS`] more, and as many as the program's pools have connections ([`POOLS`]), which are opened when they are needed and kept.
//!
//! **PostgreSQL** is let grow by a part of what it holds ([`PART_OF_POSTGRES`]) in both: each of some forty processes keeps the catalogue, the plans and the
//! open files of whatever it was asked for as long as it lives, and connections of a pool are used in turn. That ends, after more than a warm-up. What
//! does not end is statements that pile up, some kilobytes for every one that is asked, which are hundreds of megabytes within minutes.

use std::fmt;

use anyhow::ensure;
use serde::Serialize;

use crate::process::Figures;

/// By how many bytes a process may grow, by the line through its lower envelope.
pub const GROWTH: f64 = 2.0 * 1_048_576.0;
/// How many descriptors more a process may have when nobody calls, beside the connections of its pools.
pub const DESCRIPTORS: usize = 4;
/// How many connections to databases a process may have: one pool of eight for a service, two for an exporter that reads from a standby.
pub const POOLS: usize = 16;
/// How many times the scatter around the line is no growth.
pub const SCATTER: f64 = 8.0;
/// By what part PostgreSQL may grow, in memory and in descriptors.
pub const PART_OF_POSTGRES: f64 = 0.5;
/// Into how many windows the time after the warm-up is cut, and how often a process must have been looked at in each.
const WINDOWS: usize = 16;
const LOOKS: usize = 3;
/// What PostgreSQL is called here: all of its processes together.
pub(crate) const POSTGRES: &str = "postgres";
/// Who has no database.
pub(crate) const PROXY: &str = "nginx";

/// What a process held at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) seconds: f64,
    pub(crate) figures: Figures,
}

/// What became of a process.
#[derive(Debug, Clone, Serialize)]
pub struct Course {
    /// Its name.
    pub process: String,
    /// How often it was looked at.
    pub samples: usize,
    /// From the first look to the last, in seconds.
    pub seconds: f64,
    /// Its memory, in bytes.
    pub bytes: Line,
    /// Its descriptors.
    pub descriptors: Line,
    /// Its descriptors when nobody called, before the load and after it.
    pub at_rest: [usize; 2],
}

/// The course of one figure.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// What it was when it was least, in each window after the warm-up.
    pub least: Vec<u64>,
    /// What it was when it was most, from the first look on.
    pub most: u64,
    /// By how much the line through the minima rises from the first to the last.
    pub grown: f64,
    /// By how much it may.
    pub allowed: f64,
}

impl Course {
    /// The course of a process that was looked at so often, and had so many descriptors before and afterwards.
    ///
    /// # Errors
    /// If that was too seldom.
    pub(crate) fn of(name: &str, samples: &[Sample], at_rest: [usize; 2]) -> anyhow::Result<Self> {
        let warm = &samples[samples.len() / 3..];
        let size = warm.len() / WINDOWS;
        ensure!(size >= LOOKS, "{name} was looked at {} times, which says nothing of its course", samples.len());
        // What does not fill a window is left out at the beginning.
        let windows: Vec<&[Sample]> = warm[warm.len() - size * WINDOWS..].chunks(size).collect();
        let part = if name == POSTGRES { PART_OF_POSTGRES } else { 0.0 };
        let line = |least: f64, of: fn(&Figures) -> u64| {
            let minima: Vec<u64> =
                windows.iter().filter_map(|window| window.iter().map(|sample| of(&sample.figures)).min()).collect();
            let most = samples.iter().map(|sample| of(&sample.figures)).max().unwrap_or_default();
            Line::through(minima, most, least.max(part * of(&windows[0][0].figures) as f64))
        };
        Ok(Self {
            process: name.to_owned(),
            samples: samples.len(),
            seconds: samples[samples.len() - 1].seconds - samples[0].seconds,
            bytes: line(GROWTH, |figures| figures.resident),
            descriptors: line(DESCRIPTORS as f64, |figures| figures.descriptors as u64),
            at_rest,
        })
    }

    /// # Errors
    /// If it keeps memory or descriptors.
    pub fn ensure_flat(&self) -> anyhow::Result<()> {
        ensure!(self.bytes.is_flat(), "memory grows: {self}");
        let [before, after] = self.at_rest;
        let gives_back = match self.process.as_str() {
            // Its processes keep files open for as long as they live.
            POSTGRES => self.descriptors.is_flat(),
            PROXY => after <= before + DESCRIPTORS,
            _ => after <= before + DESCRIPTORS + POOLS,
        };
        ensure!(gives_back, "descriptors are kept: {self}");
        Ok(())
    }
}

impl Line {
    /// Through the minima of windows of equal length, which may rise by so much beside their scatter.
    fn through(least: Vec<u64>, most: u64, allowed: f64) -> Self {
        let points: Vec<(f64, f64)> =
            least.iter().enumerate().map(|(window, least)| (window as f64, *least as f64)).collect();
        let mut slopes = Vec::new();
        for (place, (earlier, low)) in points.iter().enumerate() {
            slopes.extend(points[place + 1..].iter().map(|(later, high)| (high - low) / (later - earlier)));
        }
        let slope = median(slopes);
        let above: Vec<f64> = points.iter().map(|(window, least)| least - slope * window).collect();
        let foot = median(above.clone());
        let scatter = median(above.iter().map(|above| (above - foot).abs()).collect());
        let grown = slope * least.len().saturating_sub(1) as f64;
        Self { least, most, grown, allowed: allowed + SCATTER * scatter }
    }

    fn is_flat(&self) -> bool {
        self.grown <= self.allowed
    }

    fn ends(&self) -> (u64, u64) {
        (self.least.first().copied().unwrap_or_default(), self.least.last().copied().unwrap_or_default())
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: f64| bytes / 1_048_576.0;
        let ((first, last), [before, after]) = (self.bytes.ends(), self.at_rest);
        write!(
            f,
            "{:16} {:7.1} MiB -> {:7.1} MiB (most {:7.1}), line {:+6.2} MiB of {:.1} allowed; descriptors {before} -> {after} at rest (most {})",
            self.process,
            mib(first as f64),
            mib(last as f64),
            mib(self.bytes.most as f64),
            mib(self.bytes.grown),
            mib(self.bytes.allowed),
            self.descriptors.most,
        )
    }
}

/// The one in the middle, or the mean of the two that are; 0 of none.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1_048_576.0;

    /// So many seconds of a process, a look a second.
    fn watched(seconds: u32, resident: impl Fn(f64) -> f64) -> Course {
        let sample = |second: u32| {
            let seconds = f64::from(second);
            Sample { seconds, figures: Figures { resident: resident(seconds) as u64, descriptors: 40 } }
        };
        Course::of("it", &(0..seconds).map(sample).collect::<Vec<_>>(), [40, 40]).expect("enough samples")
    }

    fn refused(course: &Course) -> String {
        course.ensure_flat().expect_err("it grows").to_string()
    }

    /// Numbers between 0 and 1 that follow from a second and a seed, without any order.
    fn chance(seed: u64, second: f64) -> f64 {
        let mut mixed = (seed << 32 | second as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[test]
    fn work_that_comes_and_goes_is_no_leak() {
        let waves = |seconds: f64| 50.0 * MIB + 40.0 * MIB * (seconds / 3.0).sin().abs();
        let warming_up = |seconds: f64| waves(seconds) - (30.0 * MIB - seconds * MIB).max(0.0);
        watched(120, warming_up).ensure_flat().expect("flat");
    }

    #[test]
    fn chance_is_no_leak_however_often_it_is_looked_at() {
        for seed in 0..5_000 {
            let memory = |seconds: f64| 30.0 * MIB + 12.0 * MIB * chance(seed, seconds);
            watched(100, memory).ensure_flat().expect("flat");
        }
    }

    #[test]
    fn what_grows_in_steps_or_ever_more_slowly_is_no_leak() {
        // A table that doubles in the middle of it, and an arena that fills.
        let steps = |seconds: f64| 30.0 * MIB + if seconds > 1_200.0 { 6.0 * MIB } else { 0.0 };
        watched(1_800, steps).ensure_flat().expect("a step");
        let fills = |seconds: f64| 30.0 * MIB + 12.0 * MIB * (1.0 - (-seconds / 300.0).exp());
        watched(1_800, fills).ensure_flat().expect("it fills");
    }

    #[test]
    fn a_small_leak_is_found_below_the_waves() {
        // 3 KB a second, for half an hour.
        let leak = |seconds: f64| 30.0 * MIB + 3_072.0 * seconds + 10.0 * MIB * (seconds / 3.0).sin().abs();
        let found = refused(&watched(1_800, leak));
        assert!(found.contains("memory grows"), "{found}");
        // And 100 KB a second within two minutes.
        let leak = |seconds: f64| 30.0 * MIB + 102_400.0 * seconds + MIB * chance(1, seconds);
        let found = refused(&watched(150, leak));
        assert!(found.contains("memory grows"), "{found}");
    }

    #[test]
    fn a_descriptor_that_is_kept_when_nobody_calls_is_found() {
        let flat = watched(1_800, |_| 50.0 * MIB);
        let of = |process: &str, after| Course { process: process.to_owned(), at_rest: [24, after], ..flat.clone() };
        // One a minute of half an hour, where a pool may have opened all its connections since.
        for (process, most) in [("server-1", 44), (PROXY, 28)] {
            of(process, most).ensure_flat().expect("given back");
            let found = refused(&of(process, most.max(54)));
            assert!(found.contains("descriptors are kept"), "{found}");
        }
        assert!(refused(&of(PROXY, 29)).contains("24 -> 29"));
    }

    #[test]
    fn who_was_hardly_looked_at_has_no_course() {
        let sample = Sample { seconds: 1.0, figures: Figures { resident: 1, descriptors: 1 } };
        let said = Course::of("it", &[sample; 30], [1, 1]).expect_err("too seldom").to_string();
        assert!(said.contains("30 times"), "{said}");
    }
}
