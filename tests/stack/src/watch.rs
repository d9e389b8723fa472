//! Looking at every process of a deployment, again and again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::course::{Course, POSTGRES, PROXY, Sample};
use crate::process::Figures;
use crate::stack::Stack;

/// How often descriptors are counted when nobody calls: connections take a moment to end.
const RESTING_LOOKS: u32 = 6;
const RESTING_PAUSE: Duration = Duration::from_millis(500);
/// Where nginx keeps what it has from the object store, below its directory. These files stay open on purpose (`open_file_cache`), one for each bundle.
const CACHE: &str = "nginx/cache";

/// What every process of a deployment held, at every look.
#[derive(Debug)]
pub struct Watch {
    begun: Instant,
    looks: usize,
    samples: BTreeMap<String, Vec<Sample>>,
    /// How many descriptors each had when nobody called, before and after.
    at_rest: BTreeMap<String, [usize; 2]>,
}

impl Watch {
    /// Begins to watch a deployment that nobody calls yet.
    ///
    /// # Errors
    /// If a process does not run.
    pub fn begin(stack: &Stack) -> anyhow::Result<Self> {
        let at_rest = resting(stack)?.into_iter().map(|(name, open)| (name, [open; 2])).collect();
        Ok(Self { begun: Instant::now(), looks: 0, samples: BTreeMap::new(), at_rest })
    }

    /// Looks at what is left when nobody calls any more. All processes must be there still.
    ///
    /// # Errors
    /// If one is not.
    pub fn end(&mut self, stack: &Stack) -> anyhow::Result<()> {
        for (name, open) in resting(stack)? {
            self.at_rest.entry(name).or_default()[1] = open;
        }
        Ok(())
    }

    /// Looks once at every process of a deployment. Of PostgreSQL it is memory that is not shared which counts, of all its processes together.
    ///
    /// # Errors
    /// If a process does not run: what has ended holds nothing, and must not look as if it were flat.
    pub fn look(&mut self, stack: &Stack) -> anyhow::Result<()> {
        let seconds = self.begun.elapsed().as_secs_f64();
        self.looks += 1;
        for (name, figures) in held(stack)? {
            self.samples.entry(name).or_default().push(Sample { seconds, figures });
        }
        Ok(())
    }

    /// What became of each process.
    ///
    /// # Errors
    /// If a process was not looked at every time, or all of them too seldom to say.
    pub fn courses(&self) -> anyhow::Result<Vec<Course>> {
        let course = |(name, samples): (&String, &Vec<Sample>)| {
            ensure!(samples.len() == self.looks, "{name} was there at {} of {} looks", samples.len(), self.looks);
            Course::of(name, samples, self.at_rest.get(name).copied().unwrap_or_default())
        };
        self.samples.iter().map(course).collect()
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

/// How many descriptors every process has when nobody calls.
fn resting(stack: &Stack) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..RESTING_LOOKS {
        for (name, Figures { descriptors, .. }) in held(stack)? {
            let least = all.entry(name).or_insert(descriptors);
            *least = descriptors.min(*least);
        }
        sleep(RESTING_PAUSE);
    }
    Ok(all)
}

/// What every process holds now.
///
/// # Errors
/// If one has ended, and how: also one that nobody has waited for yet.
fn held(stack: &Stack) -> anyhow::Result<Vec<(String, Figures)>> {
    let mut all = Vec::new();
    for process in stack.processes() {
        let name = process.name();
        if let Some(status) = process.ended()? {
            anyhow::bail!("{name} ended in the middle of it: {status}\n{}", process.last_words());
        }
        let mut figures = process.figures().with_context(|| format!("{name} holds no memory any more"))?;
        if let (PROXY, Some(id)) = (name, process.id()) {
            figures.descriptors -= kept_open(id, &stack.directory().join(CACHE)).min(figures.descriptors);
        }
        all.push((name.to_owned(), figures));
    }
    if let Some(servers) = stack.postgres() {
        let postmaster = servers.primary.process_id().context("PostgreSQL has ended")?;
        all.push((POSTGRES.to_owned(), unshared(postmaster)?));
    }
    Ok(all)
}

/// How many files below a directory a process has open.
fn kept_open(process: u32, directory: &Path) -> usize {
    let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|file| file.starts_with(directory))).count()
}

/// What a process and its children hold: memory that they do not share with each other (`RssAnon`), and descriptors.
fn unshared(root: u32) -> anyhow::Result<Figures> {
    let mut all = Figures { resident: 0, descriptors: 0 };
    let mut lives = false;
    for entry in fs::read_dir("/proc").context("/proc")?.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Others come and go while this looks.
        let Ok(status) = fs::read_to_string(format!("/proc/{process}/status")) else { continue };
        let field = |name: &str| -> Option<u64> {
            status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        };
        let Some(kilobytes) = field("RssAnon:") else { continue };
        if process == root || field("PPid:") == Some(u64::from(root)) {
            all.resident += kilobytes * 1_024;
            all.descriptors += fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
            lives |= process == root;
        }
    }
    ensure!(lives, "PostgreSQL has ended");
    Ok(all)
}
