//! What processes of this machine have cost, in processor time. For benchmarks: time on the clock depends on the disk and on whoever else is
//! at work, processor time hardly does. It is read from Linux's /proc.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::ClusterError;
use crate::server::Cluster;

/// A tick of /proc: a hundredth of a second everywhere.
const TICK: Duration = Duration::from_millis(10);

/// What a process has spent since it began, in user and system time, with its children that have ended. None if it is gone.
pub fn of_process(id: u32) -> Option<Duration> {
    Stat::read(id).map(|stat| stat.spent())
}

/// What all children of this process have spent that have ended and been waited for, and their children.
///
/// # Panics
/// If this machine is no Linux.
pub fn of_ended_children() -> Duration {
    let children = Stat::fields(std::process::id()).and_then(|fields| Stat::sum(&fields, 13..15));
    TICK * children.expect("Linux has /proc")
}

impl Cluster {
    /// What all processes of the server have spent since it started, those that have ended included.
    ///
    /// # Errors
    /// [`ClusterError::Server`] if it does not answer.
    ///
    /// # Panics
    /// If the server runs on another machine, or this one is no Linux.
    pub async fn processor_time(&self) -> Result<Duration, ClusterError> {
        let client = self.connect("postgres").await?;
        let backend: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        let postmaster = Stat::read(backend.unsigned_abs()).expect("the server is a process of this machine").parent;
        let processes = std::fs::read_dir("/proc").expect("Linux has /proc").flatten();
        let ids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
        let ours = ids.filter_map(Stat::read).filter(|stat| stat.id == postmaster || stat.parent == postmaster);
        Ok(ours.map(|stat| stat.spent()).sum())
    }
}

/// What /proc says of a process.
struct Stat {
    id: u32,
    parent: u32,
    /// Its own, and those of its children that have ended.
    ticks: u32,
}

impl Stat {
    /// None if there is no such process any more.
    fn read(id: u32) -> Option<Self> {
        let fields = Self::fields(id)?;
        Some(Self { id, parent: fields.get(1)?.parse().ok()?, ticks: Self::sum(&fields, 11..15)? })
    }

    /// The third field and all further ones.
    fn fields(id: u32) -> Option<Vec<String>> {
        let text = std::fs::read_to_string(PathBuf::from("/proc").join(id.to_string()).join("stat")).ok()?;
        // The name, in parentheses, may hold anything.
        Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
    }

    fn sum(fields: &[String], which: std::ops::Range<usize>) -> Option<u32> {
        let ticks = fields.get(which)?.iter().map(|field| field.parse::<u32>());
        ticks.sum::<Result<_, _>>().ok()
    }

    fn spent(&self) -> Duration {
        TICK * self.ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_spends_time_and_one_that_is_gone_none() {
        let before = of_process(std::process::id()).expect("this process");
        // Until the kernel has counted a tick.
        while of_process(std::process::id()).expect("this process") == before {
            std::hint::black_box((0..100_000).sum::<u64>());
        }
        let mut gone = std::process::Command::new("true").spawn().expect("started");
        gone.wait().expect("ended");
        assert!(of_process(gone.id()).is_none());
    }
}
