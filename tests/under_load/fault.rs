//! What can happen to a deployment, and how it is seen that it did: a fault that nobody felt would prove nothing.

use std::fmt;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use cluster::{Cluster, StopMode};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use stack::{Between, Fate, Process};

use crate::scene::Scene;

/// How long a fault lasts, in milliseconds, if it was felt by then.
const LASTS: std::ops::Range<u64> = 200..1_500;
/// How long two of them last: longer than anybody waits for a connection.
const LASTS_LONG: Duration = Duration::from_secs(15);
/// How long a store that is slow takes for a request.
const SLOW: Duration = Duration::from_millis(1_500);
/// What an exporter says of a replica that was not fit, and of a bucket that was not.
const REPLICA_REFUSED: [&str; 1] = ["the read replica is not used"];
const BUCKET_FAILED: [&str; 2] = ["WARN", "cloud"];
/// Whether exporters have asked a standby anything yet.
const ASKED: &str = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'exporter_one'";
/// Cancels what exporters ask of a standby, whatever it is, for two seconds, and fails if that was nothing. What was seen of others' activity is forgotten
/// in between.
const CANCEL: &str = "
DO $$ DECLARE
    met integer;
    cancelled integer := 0;
BEGIN
    FOR attempt IN 1..800 LOOP
        SELECT count(pg_cancel_backend(pid)) INTO met
            FROM pg_stat_activity WHERE usename = 'exporter_one' AND state = 'active';
        cancelled := cancelled + met;
        PERFORM pg_stat_clear_snapshot();
        PERFORM pg_sleep(0.002);
    END LOOP;
    IF cancelled = 0 THEN RAISE EXCEPTION 'nothing was asked'; END IF;
END $$";
/// How often that is tried: by chance, each try finds something in nearly every case.
const TRIES: usize = 10;

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
    /// PostgreSQL is stopped and started; without notice, for long.
    PostgresStopped(StopMode),
    /// The standby does not follow, and exporters go on without it.
    StandbyLags,
    /// The standby does not follow, and what it is asked is cancelled.
    StandbyCancels,
    StandbyStopped(StopMode),
    /// The bucket says 500 or 503.
    BucketFails(u16),
    BucketSlow,
    /// It takes requests and says nothing, for long.
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

    /// Lets it happen until it was felt, and for a while, and then takes it away.
    ///
    /// # Errors
    /// If nobody feels it, or the deployment does not even let itself be broken or started again.
    pub(crate) fn happen(&mut self, fault: Fault, scene: &mut Scene) -> anyhow::Result<()> {
        let lasts = Duration::from_millis(self.rng.random_range(LASTS));
        let stack = &scene.stack;
        let between = || stack.between().context("there is an object store");
        match fault {
            Fault::VerificationKilled => kill(&[self.any(stack.verifications())?], || felt_by_people(scene, lasts)),
            // The other server takes over what this one does not answer.
            Fault::ServerKilled => kill(&[self.any(stack.servers())?], || last(lasts)),
            Fault::ExporterKilled => kill(&[self.any(stack.exporters())?], || last(lasts)),
            Fault::NginxKilled => kill(&[stack.nginx()], || felt_by_people(scene, lasts)),
            Fault::AllKilled => kill(&stack.processes().collect::<Vec<_>>(), || felt_by_people(scene, lasts)),
            Fault::PostgresStopped(mode) => {
                let lasts = if mode == StopMode::Immediate { LASTS_LONG } else { lasts };
                let primary = &stack.postgres().context("there is PostgreSQL")?.primary;
                primary.stop(mode)?;
                felt_by_people(scene, lasts)?;
                Ok(primary.start_again()?)
            }
            Fault::StandbyLags => lag(scene),
            Fault::StandbyCancels => cancel(scene),
            Fault::StandbyStopped(mode) => {
                let before = use_standby(scene)?;
                standby(scene)?.stop(mode)?;
                refused_by_exporters(scene, before)?;
                Ok(standby(scene)?.start_again()?)
            }
            Fault::BucketFails(status) => {
                disturb(between()?, Fate::Answer(status, "InternalError"), || felt_at_the_bucket(scene, lasts))
            }
            // Who is slow fails nobody: it is enough that something was to be written meanwhile.
            Fault::BucketSlow => disturb(between()?, Fate::Late(SLOW), || written_to(scene, between()?, lasts)),
            Fault::BucketSilent => disturb(between()?, Fate::Silence, || felt_at_the_bucket(scene, LASTS_LONG)),
            Fault::BucketGone => {
                between()?.refuse();
                felt_at_the_bucket(scene, lasts)?;
                Ok(between()?.accept_again()?)
            }
        }
    }

    fn any<'a>(&mut self, processes: &'a [Process]) -> anyhow::Result<&'a Process> {
        processes.get(self.rng.random_range(0..processes.len().max(1))).context("there is one")
    }
}

/// Kills processes, waits until that is felt, and starts them again: as others.
fn kill(processes: &[&Process], felt: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let before: Vec<Option<u32>> = processes.iter().map(|process| process.id()).collect();
    processes.iter().try_for_each(|process| process.kill())?;
    felt()?;
    ensure!(processes.iter().all(|process| process.id().is_none() && !process.is_ready()), "what was killed runs");
    processes.iter().try_for_each(|process| process.start())?;
    let is_another = |(process, before): (&&Process, Option<u32>)| before.is_some() && process.id() != before;
    ensure!(processes.iter().zip(before).all(is_another), "nothing was killed");
    Ok(())
}

fn last(lasts: Duration) -> anyhow::Result<()> {
    sleep(lasts);
    Ok(())
}

/// Waits until somebody who reports had no answer, or was asked to come again, and then for so long.
fn felt_by_people(scene: &Scene, lasts: Duration) -> anyhow::Result<()> {
    let before = scene.tally()?.failures;
    scene.wait_for("people feel it", |tally| tally.failures > before)?;
    last(lasts)
}

/// Waits for so long, and until an exporter says that the bucket failed it.
fn felt_at_the_bucket(scene: &Scene, lasts: Duration) -> anyhow::Result<()> {
    let before = scene.said_by_exporters(&BUCKET_FAILED)?;
    last(lasts)?;
    scene.wait_until("an exporter feels it", || Ok(scene.said_by_exporters(&BUCKET_FAILED)? > before))
}

/// Waits until an exporter has begun to write there.
fn written_to(scene: &Scene, between: &Between, lasts: Duration) -> anyhow::Result<()> {
    let before = between.seen("PUT");
    scene.wait_until("somebody writes to the bucket", || Ok(between.seen("PUT") > before))?;
    last(lasts)
}

fn disturb(between: &Between, fate: Fate, felt: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    between.set_all(fate);
    let felt = felt();
    between.set_all(Fate::Pass);
    felt
}

fn standby(scene: &Scene) -> anyhow::Result<&Cluster> {
    scene.stack.postgres().and_then(|servers| servers.standby.as_ref()).context("PostgreSQL has a standby")
}

/// Lets every exporter begin anew, since one that has found the standby unfit leaves it alone for a minute, and waits until it is asked again. How often
/// it was found unfit so far.
fn use_standby(scene: &Scene) -> anyhow::Result<usize> {
    for exporter in scene.stack.exporters() {
        exporter.kill()?;
        exporter.start()?;
    }
    let asked = || Ok(standby(scene)?.psql("postgres", ASKED)?.trim() != "0");
    scene.wait_until("exporters read from the standby", asked)?;
    scene.said_by_exporters(&REPLICA_REFUSED)
}

/// Waits until one was found unfit once more.
fn refused_by_exporters(scene: &Scene, before: usize) -> anyhow::Result<()> {
    let refused = || Ok(scene.said_by_exporters(&REPLICA_REFUSED)? > before);
    scene.wait_until("exporters go on without the standby", refused)
}

fn lag(scene: &mut Scene) -> anyhow::Result<()> {
    let before = use_standby(scene)?;
    standby(scene)?.psql("postgres", "SELECT pg_wal_replay_pause()")?;
    refused_by_exporters(scene, before)?;
    // It is still behind when everything else is well.
    scene.settle("while the standby lags")?;
    standby(scene)?.psql("postgres", "SELECT pg_wal_replay_resume()")?;
    Ok(())
}

fn cancel(scene: &Scene) -> anyhow::Result<()> {
    for attempt in 1..=TRIES {
        let before = use_standby(scene)?;
        standby(scene)?.psql("postgres", "SELECT pg_wal_replay_pause()")?;
        let cancelled = standby(scene)?.psql("postgres", CANCEL);
        standby(scene)?.psql("postgres", "SELECT pg_wal_replay_resume()")?;
        if cancelled.is_ok() {
            return refused_by_exporters(scene, before);
        }
        println!("         nothing was cancelled in try {attempt}");
    }
    anyhow::bail!("exporters ask the standby nothing that could be cancelled")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
