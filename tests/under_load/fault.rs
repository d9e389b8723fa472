//! What can happen to a deployment.

use std::fmt;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;
use cluster::{Cluster, StopMode};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use stack::{Between, Fate, Process};

use crate::scene::Scene;

/// How long a fault lasts, in milliseconds.
const LASTS: std::ops::Range<u64> = 200..2_000;
/// How long a store that is slow takes for a request.
const SLOW: Duration = Duration::from_millis(1_500);
/// Cancels what exporters ask of a standby, whatever it is, for two seconds. What was seen of others' activity is forgotten in between.
const CANCEL: &str = "
DO $$ BEGIN
    FOR attempt IN 1..200 LOOP
        PERFORM pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'exporter_one' AND state = 'active';
        PERFORM pg_stat_clear_snapshot();
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$";

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL, and a start a while later.
    VerificationKilled,
    ServerKilled,
    ExporterKilled,
    NginxKilled,
    /// All of them at once.
    AllKilled,
    /// PostgreSQL is stopped and started.
    PostgresStopped(StopMode),
    /// The standby does not follow, and exporters go on without it.
    StandbyLags,
    /// The standby does not follow, and what it is asked is cancelled.
    StandbyCancels,
    StandbyStopped(StopMode),
    /// The bucket says 500 or 503.
    BucketFails(u16),
    BucketSlow,
    /// It takes requests and says nothing.
    BucketSilent,
    /// Nobody listens there.
    BucketGone,
}

/// One of each.
pub(crate) const ALL: [Fault; 15] = [
    Fault::VerificationKilled,
    Fault::ServerKilled,
    Fault::ExporterKilled,
    Fault::NginxKilled,
    Fault::AllKilled,
    Fault::PostgresStopped(StopMode::Fast),
    Fault::PostgresStopped(StopMode::Immediate),
    Fault::StandbyLags,
    Fault::StandbyCancels,
    Fault::StandbyStopped(StopMode::Immediate),
    Fault::BucketFails(500),
    Fault::BucketFails(503),
    Fault::BucketSlow,
    Fault::BucketSilent,
    Fault::BucketGone,
];

/// Faults in an order that follows from a seed: one of each kind before any comes again.
pub(crate) struct Mishaps {
    rng: StdRng,
    left: Vec<Fault>,
}

impl Mishaps {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), left: Vec::new() }
    }

    /// What happens next.
    pub(crate) fn draw(&mut self) -> Fault {
        if self.left.is_empty() {
            self.left = ALL.to_vec();
        }
        let next = self.rng.random_range(0..self.left.len());
        self.left.swap_remove(next)
    }

    /// Lets it happen, for a while, and then takes it away.
    ///
    /// # Errors
    /// If the deployment does not even let itself be broken or started again.
    pub(crate) fn happen(&mut self, fault: Fault, scene: &mut Scene) -> anyhow::Result<()> {
        let lasts = Duration::from_millis(self.rng.random_range(LASTS));
        let stack = &scene.stack;
        let postgres = || stack.postgres().context("there is PostgreSQL");
        let standby = || postgres()?.standby.as_ref().context("it has a standby");
        let between = || stack.between().context("there is an object store");
        match fault {
            Fault::VerificationKilled => kill(self.any(stack.verifications())?, lasts),
            Fault::ServerKilled => kill(self.any(stack.servers())?, lasts),
            Fault::ExporterKilled => kill(self.any(stack.exporters())?, lasts),
            Fault::NginxKilled => kill(stack.nginx(), lasts),
            Fault::AllKilled => {
                stack.processes().try_for_each(Process::kill)?;
                sleep(lasts);
                stack.processes().try_for_each(Process::start)
            }
            Fault::PostgresStopped(mode) => stop(&postgres()?.primary, mode, lasts),
            Fault::StandbyStopped(mode) => stop(standby()?, mode, lasts),
            Fault::StandbyLags => {
                standby()?.psql("postgres", "SELECT pg_wal_replay_pause()")?;
                // It is still behind when everything else is well.
                scene.settle("while the standby lags")?;
                let standby =
                    scene.stack.postgres().and_then(|servers| servers.standby.as_ref()).context("a standby")?;
                standby.psql("postgres", "SELECT pg_wal_replay_resume()")?;
                Ok(())
            }
            Fault::StandbyCancels => {
                standby()?.psql("postgres", "SELECT pg_wal_replay_pause()")?;
                standby()?.psql("postgres", CANCEL)?;
                standby()?.psql("postgres", "SELECT pg_wal_replay_resume()")?;
                Ok(())
            }
            Fault::BucketFails(status) => disturb(between()?, Fate::Answer(status, "InternalError"), lasts),
            Fault::BucketSlow => disturb(between()?, Fate::Late(SLOW), lasts),
            Fault::BucketSilent => disturb(between()?, Fate::Silence, lasts),
            Fault::BucketGone => {
                between()?.refuse();
                sleep(lasts);
                Ok(between()?.accept_again()?)
            }
        }
    }

    fn any<'a>(&mut self, processes: &'a [Process]) -> anyhow::Result<&'a Process> {
        processes.get(self.rng.random_range(0..processes.len().max(1))).context("there is one")
    }
}

fn kill(process: &Process, lasts: Duration) -> anyhow::Result<()> {
    process.kill()?;
    sleep(lasts);
    process.start()
}

fn stop(cluster: &Cluster, mode: StopMode, lasts: Duration) -> anyhow::Result<()> {
    cluster.stop(mode)?;
    sleep(lasts);
    Ok(cluster.start_again()?)
}

fn disturb(between: &Between, fate: Fate, lasts: Duration) -> anyhow::Result<()> {
    between.set_all(fate);
    sleep(lasts);
    between.set_all(Fate::Pass);
    Ok(())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
