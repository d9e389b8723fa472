//! A deployment that is published every moment, and the load tester before it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser as _;
use load::results::Results;
use load::{Cli, Wish};
use rusqlite::Connection;
use store::{Clock, RELEASE_GRAIN};
use tempfile::TempDir;
use tests::bucket;
use tests::engine::{Engine, Place};
use tests::service::Service;
use tests::system::System;
use tokio::sync::mpsc;

use crate::doctor::Doctor;

/// The region in which keys are published.
pub(crate) const REGION: &str = "XA";
/// The authority.
const AUTHORITY: &str = "health";
/// Between two exports.
const PERIOD: Duration = Duration::from_millis(300);
/// Nothing here takes longer on its own, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A deployment, and what the load tester needs to know of it.
pub(crate) struct Scene {
    pub(crate) system: System,
    /// Keys and access.json.
    directory: TempDir,
    /// What phones read: a copy of the public tree, as somebody made it.
    mirror: PathBuf,
    cdn: Service,
    doctor: Mutex<Doctor>,
}

impl Scene {
    /// A deployment whose CDN keeps what the exporter gives it, but for what this doctor does to it.
    pub(crate) async fn start(doctor: Doctor) -> anyhow::Result<Self> {
        let system = System::start_on(Engine::Sqlite, Clock::system().now()).await?;
        let authority = system.authority(AUTHORITY, &[REGION]).await?;
        let directory = tempfile::tempdir()?;
        let mirror = directory.path().join("mirror");
        fs::create_dir(&mirror)?;
        let cdn = Service::start(|listener| bucket::serve(listener, &mirror))?;
        let access = serde_json::json!({
            "verification": system.verification.url(),
            "server": system.server.url(),
            "cdn": cdn.url(),
            "region": REGION,
            "health_authority_id": authority.id,
            "api_keys": { "admin": authority.admin_key, "device": authority.device_key },
        });
        fs::write(directory.path().join("access.json"), access.to_string())?;
        let scene = Self { system, directory, mirror, cdn, doctor: Mutex::new(doctor) };
        // Every feed has an index and a manifest before anybody asks for them.
        scene.publish().await?;
        Ok(scene)
    }

    /// Loads it, with a preset and flags.
    pub(crate) async fn load(&self, flags: &[&str]) -> anyhow::Result<Results> {
        let (_nobody, interrupts) = mpsc::unbounded_channel();
        self.load_heeding(flags, interrupts).await
    }

    /// The same, until somebody interrupts it.
    pub(crate) async fn load_heeding(
        &self,
        flags: &[&str],
        interrupts: mpsc::UnboundedReceiver<()>,
    ) -> anyhow::Result<Results> {
        let (access, trust) = (self.directory.path().join("access.json"), self.system.keys_directory());
        let target = ["--access", text(&access)?, "--trust", text(&trust)?];
        let cli = Cli::try_parse_from([&["load"], flags, &target].concat())?;
        let Wish::Run(plan) = cli.wish() else { anyhow::bail!("a run") };
        tokio::select! {
            results = load::run(*plan, interrupts) => Ok(results?),
            ended = self.publish_for_ever() => ended,
        }
    }

    /// From the next export on, the CDN is in other hands.
    pub(crate) fn hand_over_to(&self, doctor: Doctor) {
        *self.doctor.lock().expect("nobody panicked") = doctor;
    }

    /// The CDN, for a network in front of it.
    pub(crate) const fn cdn(&self) -> &Service {
        &self.cdn
    }

    /// What phones read: the index of keys as it stands.
    pub(crate) fn index(&self) -> Vec<u8> {
        fs::read(self.mirror.join(REGION).join("gaen/index.txt")).unwrap_or_default()
    }

    /// Whether a bundle of keys is there.
    pub(crate) fn has_published(&self) -> bool {
        !self.index().is_empty()
    }

    /// Ends only if something is wrong.
    async fn publish_for_ever(&self) -> anyhow::Result<Results> {
        loop {
            tokio::time::sleep(PERIOD).await;
            self.publish().await?;
        }
    }

    /// One export, and what the CDN makes of it.
    async fn publish(&self) -> anyhow::Result<()> {
        self.let_a_quarter_pass()?;
        self.system.export_now(1).await?;
        let doctor = *self.doctor.lock().expect("nobody panicked");
        doctor.mirror(&self.system.tree(), &self.mirror, &self.system.keys_directory())
    }

    /// Makes what was uploaded so far a quarter of an hour older, so that nobody has to wait for its release.
    fn let_a_quarter_pass(&self) -> anyhow::Result<()> {
        let Place::File(database) = &self.system.databases().keys else { anyhow::bail!("a file") };
        let database = Connection::open(database)?;
        database.busy_timeout(PATIENCE)?;
        for table in ["gaen_waiting", "tcn_waiting"] {
            let older =
                format!("UPDATE {table} SET release_at = release_at - {RELEASE_GRAIN} WHERE release_at > unixepoch()");
            database.execute(&older, [])?;
        }
        Ok(())
    }
}

/// Asks until it is so: neither files nor proxies tell by themselves.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it is still not so");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path of the tests is text")
}
