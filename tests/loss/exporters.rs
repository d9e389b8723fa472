//! Three exporters that are killed and started again, each at a step that nobody chose.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::Context as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tests::restless::Restless;

use crate::CLOCKS;

const PROGRAM: &str = env!("CARGO_BIN_EXE_restless_exporter");
/// After at most so many steps an exporter dies: now and then that is a whole pass and more.
const STEPS: usize = 60;
/// Each exporter dies at least so often, however soon the uploaders are done.
const DEATHS: usize = 5;

/// Exporters at work, and those who kill them.
pub(crate) struct Exporters {
    enough: Arc<AtomicBool>,
    watched: Vec<JoinHandle<anyhow::Result<Deaths>>>,
}

/// After which steps exporters were killed, and how often after each.
#[derive(Default)]
pub(crate) struct Deaths(BTreeMap<String, usize>);

impl Exporters {
    /// Starts one for each clock.
    pub(crate) fn start(restless: &Restless) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let keep = |offset: i64| {
            let (restless, enough) = (restless.clone(), Arc::clone(&enough));
            std::thread::spawn(move || run_and_kill(&restless, offset, &enough))
        };
        Self { watched: CLOCKS.into_iter().map(keep).collect(), enough }
    }

    /// Waits until each has been killed once more, and starts them no more.
    ///
    /// # Errors
    /// If one ended by itself.
    pub(crate) fn stop(self) -> anyhow::Result<Deaths> {
        self.enough.store(true, Ordering::Relaxed);
        let mut all = Deaths::default();
        for thread in self.watched {
            let deaths = thread.join().map_err(|_| anyhow::anyhow!("whoever kills an exporter panicked"))??;
            deaths.0.into_iter().for_each(|(step, times)| *all.0.entry(step).or_default() += times);
        }
        Ok(all)
    }
}

fn run_and_kill(restless: &Restless, offset: i64, enough: &AtomicBool) -> anyhow::Result<Deaths> {
    let mut rng = StdRng::seed_from_u64(offset.cast_unsigned());
    let mut deaths = Deaths::default();
    for death in 0.. {
        if death >= DEATHS && enough.load(Ordering::Relaxed) {
            break;
        }
        let steps = rng.random_range(1..STEPS);
        let last = run_for(restless, offset, steps).context("an exporter ended by itself")?;
        *deaths.0.entry(last).or_default() += 1;
    }
    Ok(deaths)
}

/// Runs an exporter for so many steps and kills it; the last step that it was heard to make. It runs on while the signal is on its way.
fn run_for(restless: &Restless, offset: i64, steps: usize) -> anyhow::Result<String> {
    let mut command = restless.command(PROGRAM, offset);
    let mut running = Mortal(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let mut said = BufReader::new(running.0.stdout.take().context("its output is piped")?).lines();
    let mut last = String::new();
    for _ in 0..steps {
        last = said.next().context("it said no more")??;
    }
    // `after bundle.put XA/gaen 7 near`: of which bundle does not matter.
    Ok(last.split(' ').take(2).collect::<Vec<_>>().join(" "))
}

/// A program that is killed when it is dropped.
struct Mortal(Child);

impl Drop for Mortal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl fmt::Display for Deaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} exporters killed", self.0.values().sum::<usize>())?;
        self.0.iter().try_for_each(|(step, times)| write!(f, ", {times} {step}"))
    }
}
