//! Whether processes give back what they take.
//!
//! The memory of a process goes up and down with its work, and an allocator keeps some of what was given back. What tells a leak is the lower
//! envelope: what a process still holds when it holds least. So the time after a warm-up of a third is cut into windows, each window
//! counts by its minimum, and the slope is Theil's and Sen's, the median over all pairs of windows, which one odd window cannot move. A process
//! is flat if by that slope it grew by no more than a generous allowance from the warm-up to the end: [`GROWTH`] or a tenth of what it holds,
//! whichever is more. Descriptors may not be more in the last window than in the first, but for [`DESCRIPTORS`]: connections come and go.
//!
//! PostgreSQL is let grow by half, its descriptors too: each connection keeps the catalogue, the plans and the files of what it was asked for as long as it
//! lives, and connections of a pool are used in turn. That ends; what does not end, statements that pile up for instance, shows in a longer run.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::time::Instant;

use anyhow::ensure;
use serde::Serialize;

use crate::process::Figures;
use crate::stack::Stack;

/// By how many bytes a process may grow, by the slope of its lower envelope.
pub const GROWTH: f64 = 8.0 * 1_048_576.0;
/// The same as a part of what it holds.
const PART: f64 = 0.1;
/// How many descriptors there may be more.
pub const DESCRIPTORS: usize = 16;
/// By what part PostgreSQL may grow.
const PART_OF_POSTGRES: f64 = 0.5;
/// Into how many windows the time after the warm-up is cut.
const WINDOWS: usize = 8;
/// What PostgreSQL is called here: all of its processes together.
const POSTGRES: &str = "postgres";

/// What every process of a deployment held, again and again.
#[derive(Debug)]
pub struct Watch {
    begun: Instant,
    samples: BTreeMap<String, Vec<Sample>>,
}

/// What a process held at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    seconds: f64,
    figures: Figures,
}

/// What became of a process.
#[derive(Debug, Clone, Serialize)]
pub struct Course {
    /// Its name.
    pub process: String,
    /// How often it was looked at.
    pub samples: usize,
    /// What it held after the warm-up, in bytes: the minimum of the first window.
    pub first_bytes: u64,
    /// What it held in the end: the minimum of the last window.
    pub last_bytes: u64,
    /// The most that it ever held.
    pub most_bytes: u64,
    /// By how much it grew from the warm-up to the end, by the slope of its lower envelope, in bytes.
    pub grown_bytes: f64,
    /// By how much it may have.
    pub allowed_bytes: f64,
    /// Its descriptors, as the memory: the minimum of the first window and of the last, and the most.
    pub descriptors: [usize; 3],
    /// How many there may be in the end.
    pub allowed_descriptors: usize,
}

impl Default for Watch {
    fn default() -> Self {
        Self { begun: Instant::now(), samples: BTreeMap::new() }
    }
}

impl Watch {
    /// Looks once at every process of a deployment. Of PostgreSQL it is memory that is not shared which counts, of all its processes together.
    pub fn look(&mut self, stack: &Stack) {
        let processes = stack.processes().filter_map(|process| Some((process.name().to_owned(), process.figures()?)));
        let postmaster = stack.postgres().and_then(|servers| servers.primary.process_id());
        let postgres = postmaster.map(|postmaster| (POSTGRES.to_owned(), unshared(postmaster)));
        let seconds = self.begun.elapsed().as_secs_f64();
        for (name, figures) in processes.chain(postgres) {
            self.samples.entry(name).or_default().push(Sample { seconds, figures });
        }
    }

    /// What became of each process. Those that were looked at fewer than three times in a window are left out.
    pub fn courses(&self) -> Vec<Course> {
        self.samples.iter().filter_map(|(name, samples)| course(name, samples)).collect()
    }

    /// Every look as a line: seconds, process, bytes, descriptors.
    pub fn csv(&self) -> String {
        let mut text = "seconds,process,resident_bytes,descriptors\n".to_owned();
        for (name, samples) in &self.samples {
            for Sample { seconds, figures: Figures { resident, descriptors } } in samples {
                text.push_str(&format!("{seconds:.1},{name},{resident},{descriptors}\n"));
            }
        }
        text
    }
}

impl Course {
    /// # Errors
    /// If it grew by more than is allowed, or keeps descriptors.
    pub fn ensure_flat(&self) -> anyhow::Result<()> {
        ensure!(self.grown_bytes <= self.allowed_bytes, "memory grows: {self}");
        ensure!(self.descriptors[1] <= self.allowed_descriptors, "descriptors are kept: {self}");
        Ok(())
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: f64| bytes / 1_048_576.0;
        let [first, last, most] = self.descriptors;
        write!(
            f,
            "{:16} {:7.1} MiB -> {:7.1} MiB (most {:7.1}), slope {:+6.2} MiB of {:.1} allowed; descriptors {first} -> {last} (most {most})",
            self.process,
            mib(self.first_bytes as f64),
            mib(self.last_bytes as f64),
            mib(self.most_bytes as f64),
            mib(self.grown_bytes),
            mib(self.allowed_bytes),
        )
    }
}

fn course(name: &str, samples: &[Sample]) -> Option<Course> {
    let warm = &samples[samples.len() / 3..];
    let size = warm.len() / WINDOWS;
    if size < 3 {
        return None;
    }
    // What does not fill a window is left out at the beginning.
    let windows: Vec<&[Sample]> = warm[warm.len() - size * WINDOWS..].chunks(size).collect();
    let least = |window: &[Sample]| window.iter().map(|sample| sample.figures.resident).min().unwrap_or_default();
    let middle = |window: &[Sample]| window[window.len() / 2].seconds;
    let envelope: Vec<(f64, f64)> = windows.iter().map(|window| (middle(window), least(window) as f64)).collect();
    let (first, last) = (windows[0], windows[WINDOWS - 1]);
    let open = |window: &[Sample]| window.iter().map(|sample| sample.figures.descriptors).min().unwrap_or_default();
    let most = samples.iter().map(|sample| sample.figures);
    let (part, more) = match name {
        POSTGRES => (PART_OF_POSTGRES, open(first) / 2),
        _ => (PART, DESCRIPTORS),
    };
    Some(Course {
        process: name.to_owned(),
        samples: samples.len(),
        first_bytes: least(first),
        last_bytes: least(last),
        most_bytes: most.clone().map(|figures| figures.resident).max().unwrap_or_default(),
        grown_bytes: slope(&envelope) * (middle(last) - middle(first)),
        allowed_bytes: (least(first) as f64 * part).max(GROWTH),
        descriptors: [open(first), open(last), most.map(|figures| figures.descriptors).max().unwrap_or_default()],
        allowed_descriptors: open(first) + more,
    })
}

/// The median of the slopes between all pairs of points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let mut slopes = Vec::new();
    for (place, (earlier, low)) in points.iter().enumerate() {
        for (later, high) in &points[place + 1..] {
            slopes.push((high - low) / (later - earlier));
        }
    }
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied().unwrap_or_default()
}

/// What a process and all that descend from it hold: memory that they do not share with each other (`RssAnon`), and descriptors.
fn unshared(root: u32) -> Figures {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let process = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        let status =
            process.and_then(|process| Some((process, fs::read_to_string(format!("/proc/{process}/status")).ok()?)));
        if let Some((process, status)) = status {
            let field = |name: &str| -> Option<u64> {
                status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
            };
            parents.insert(process, (field("PPid:").unwrap_or_default(), field("RssAnon:").unwrap_or_default()));
        }
    }
    let descends =
        |process: &u32| *process == root || parents.get(process).is_some_and(|(parent, _)| *parent == u64::from(root));
    let mut all = Figures { resident: 0, descriptors: 0 };
    for (process, (_, kilobytes)) in parents.iter().filter(|(process, _)| descends(process)) {
        all.resident += kilobytes * 1_024;
        all.descriptors += fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two minutes of a process, a look a second.
    fn watched(resident: impl Fn(f64) -> f64, descriptors: impl Fn(f64) -> f64) -> Course {
        let sample = |second: u32| {
            let seconds = f64::from(second);
            let figures = Figures { resident: resident(seconds) as u64, descriptors: descriptors(seconds) as usize };
            Sample { seconds, figures }
        };
        course("it", &(0..120).map(sample).collect::<Vec<_>>()).expect("enough samples")
    }

    const MIB: f64 = 1_048_576.0;

    #[test]
    fn work_that_comes_and_goes_is_no_leak() {
        let waves = |seconds: f64| 50.0 * MIB + 40.0 * MIB * (seconds / 3.0).sin().abs();
        let warming_up = |seconds: f64| waves(seconds) - (30.0 * MIB - seconds * MIB).max(0.0);
        watched(warming_up, |seconds| 40.0 + 30.0 * (seconds / 2.0).sin()).ensure_flat().expect("flat");
    }

    #[test]
    fn a_leak_is_found_below_the_waves() {
        let leak = |seconds: f64| 50.0 * MIB + 0.2 * MIB * seconds + 40.0 * MIB * (seconds / 3.0).sin().abs();
        let found = watched(leak, |_| 40.0).ensure_flat().expect_err("it grows").to_string();
        assert!(found.contains("memory grows"), "{found}");
    }

    #[test]
    fn a_descriptor_a_second_is_found() {
        let found = watched(|_| 50.0 * MIB, |seconds| 40.0 + seconds).ensure_flat().expect_err("kept").to_string();
        assert!(found.contains("descriptors are kept"), "{found}");
    }

    #[test]
    fn one_odd_window_moves_nothing() {
        let dip = |seconds: f64| if seconds < 55.0 { 20.0 * MIB } else { 60.0 * MIB };
        watched(dip, |_| 40.0).ensure_flat().expect("flat but for the first moments");
    }
}
