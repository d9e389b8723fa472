//! A deployment under load, and what must be true of it after whatever happened to it.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use proto::{Feed, Kind, Region};
use stack::{Options, Stack};
use tests::outside_reader::OutsideReader;
use tokio::runtime::Runtime;

use crate::crowd::{Crowd, Tally};
use crate::pollers::Pollers;
use crate::shelf::Shelf;

/// How often somebody arrives.
const ARRIVALS: Duration = Duration::from_millis(300);
/// How long it may take until everything is well again: exporters that failed several times wait for up to a minute.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A deployment, people who report, phones that poll, and somebody who remembers what was published.
pub(crate) struct Scene {
    crowd: Option<Crowd>,
    pollers: Option<Pollers>,
    shelf: Shelf,
    pub(crate) stack: Stack,
    runtime: Runtime,
    feeds: Vec<Feed>,
    begun: Instant,
}

impl Scene {
    /// Starts all of it.
    pub(crate) fn open(options: &Options) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let stack = Stack::start(&patient(options))?;
        let runtime = Runtime::new()?;
        let region: Region = stack.access().region.parse()?;
        let feeds = Kind::ALL.map(|kind| Feed::verified(region.clone(), kind)).to_vec();
        let shelf = Shelf::open(stack.access(), &feeds)?;
        let inside = runtime.enter();
        let crowd = Crowd::arrive(stack.access(), ARRIVALS)?;
        let pollers = Pollers::start(stack.access(), &Feed::verified(region, Kind::Gaen))?;
        drop(inside);
        println!("started after {:.1?}", begun.elapsed());
        Ok(Self { crowd: Some(crowd), pollers: Some(pollers), shelf, stack, runtime, feeds, begun })
    }

    /// How it stands with the people.
    pub(crate) fn tally(&self) -> anyhow::Result<Tally> {
        self.crowd.as_ref().context("people still arrive")?.tally()
    }

    /// Waits until this is true of the people.
    pub(crate) fn wait_for(&self, what: &str, done: impl Fn(&Tally) -> bool) -> anyhow::Result<()> {
        self.wait_until(what, || Ok(done(&self.tally()?)))
    }

    /// Waits until something is so.
    pub(crate) fn wait_until(&self, what: &str, done: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let asked = Instant::now();
        while !done()? {
            ensure!(asked.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
            sleep(PAUSE);
        }
        Ok(())
    }

    /// In how many lines all of these words stand that exporters have said so far, over all their lives.
    pub(crate) fn said_by_exporters(&self, words: &[&str]) -> anyhow::Result<usize> {
        let mut lines = 0;
        for exporter in self.stack.exporters() {
            let said = std::fs::read(exporter.log())?;
            let said = String::from_utf8_lossy(&said);
            lines += said.lines().filter(|line| words.iter().all(|word| line.contains(word))).count();
        }
        Ok(lines)
    }

    /// Waits until every process is ready by itself, people are served again, and what was acknowledged by now is published.
    ///
    /// # Errors
    /// If a process has ended, if anything is lost, published twice or changed, or if it takes too long.
    pub(crate) fn settle(&mut self, after: &str) -> anyhow::Result<()> {
        let asked = Instant::now();
        for process in self.stack.processes() {
            process.wait_until_ready().with_context(|| after.to_owned())?;
        }
        let before = self.tally()?;
        self.wait_for("people are served", |tally| tally.people > before.people)?;
        self.wait_until_published(&before.acknowledged()).with_context(|| after.to_owned())?;
        self.shelf.ensure_unchanged(&self.stack)?;
        println!(
            "{:>6.1} s  {after}: well again after {:.1?}, {} people, {} failed tries, {} bundles",
            self.begun.elapsed().as_secs_f64(),
            asked.elapsed(),
            before.people,
            before.failures,
            self.shelf.len(),
        );
        Ok(())
    }

    fn wait_until_published(&mut self, acknowledged: &BTreeSet<Vec<u8>>) -> anyhow::Result<BTreeSet<Vec<u8>>> {
        let asked = Instant::now();
        loop {
            let published = self.shelf.look(&self.stack)?;
            let missing = acknowledged.difference(&published).count();
            if missing == 0 {
                return Ok(published);
            }
            let said = || self.stack.exporters().iter().map(|process| process.last_words()).collect::<Vec<_>>();
            ensure!(asked.elapsed() < PATIENCE, "{missing} keys are not published\n{}", said().join("\n"));
            sleep(PAUSE);
        }
    }

    /// Lets everybody come to an end, and checks as an outside reader would that each acknowledged key is there exactly once.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        let crowd = self.crowd.take().context("it ends once")?;
        let tally = self.runtime.block_on(crowd.finish())?;
        self.wait_until_published(&tally.acknowledged())?;
        let pollers = self.pollers.take().context("it ends once")?;
        let polls = self.runtime.block_on(pollers.finish(&tally.keys))?;
        for exporter in self.stack.exporters() {
            let status = exporter.terminate()?;
            ensure!(status.success(), "{} ended with {status}", exporter.name());
        }
        self.shelf.look(&self.stack)?;
        self.shelf.ensure_unchanged(&self.stack)?;
        let copy = self.stack.directory().join("copy");
        for path in self.stack.paths()? {
            let bytes = self.stack.object(&path)?.context("nothing is deleted so soon")?;
            let path = copy.join(path);
            std::fs::create_dir_all(path.parent().context("below the copy")?)?;
            std::fs::write(path, bytes)?;
        }
        let trees = [Some(copy.as_path()), self.stack.tree()];
        for tree in trees.into_iter().flatten() {
            self.ensure_exactly(tree, &tally)?;
        }
        println!(
            "{:>6.1} s  {} keys and {} reports of {} people, each once, in {} bundles; {} failed tries; {polls}",
            self.begun.elapsed().as_secs_f64(),
            tally.keys.len(),
            tally.reports.len(),
            tally.people,
            self.shelf.len(),
            tally.failures,
        );
        let (stack, began) = (self.stack, Instant::now());
        drop(stack);
        println!("taken down after {:.1?}", began.elapsed());
        Ok(())
    }

    fn ensure_exactly(&self, tree: &Path, tally: &Tally) -> anyhow::Result<()> {
        ensure!(!tally.keys.is_empty() && !tally.reports.is_empty(), "nobody came");
        let reader = OutsideReader { tree: tree.to_owned(), keys: self.stack.access().keys.clone() };
        for feed in &self.feeds {
            let acknowledged = if feed.kind == Kind::Gaen { &tally.keys } else { &tally.reports };
            reader.check(feed)?.ensure_exactly(acknowledged.iter().cloned()).with_context(|| feed.to_string())?;
        }
        Ok(())
    }
}

/// Everybody calls from this machine: that they are many is not what is tried here.
fn patient(options: &Options) -> Options {
    let mut options = options.clone();
    let limits = ["--prefix-requests-per-minute", "100000", "--prefix-failures-per-minute", "100000"];
    options.verification_flags.extend(limits.map(str::to_owned));
    options.server_flags.extend(limits.map(str::to_owned));
    options.tick_ms = 100;
    options
}
