//! Disks that can be full.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::process::Process;

/// What takes the place of everything else.
pub(crate) const FILLER: &str = "filler";

/// How a disk is made to be full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// A small file system of its own (tmpfs), which is filled: writes fail with ENOSPC.
    FileSystem,
    /// Where nothing may be mounted, a limit on how large a file may be (RLIMIT_FSIZE), of the processes that write: writes fail with EFBIG.
    FileSize,
}

/// A directory on a disk that can be full.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
    means: Means,
}

impl SmallDisk {
    /// This directory, whose disk is full when nobody may write to files.
    pub(crate) fn limited(path: &Path) -> Self {
        Self { path: path.to_owned(), means: Means::FileSize }
    }

    /// Mounts a small file system at this directory, if that is allowed here.
    pub(crate) fn mounted(path: &Path, bytes: u64) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(path);
        let mounted = mount.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        Self { path: path.to_owned(), means: if mounted { Means::FileSystem } else { Means::FileSize } }
    }

    /// How it is made to be full here.
    pub const fn means(&self) -> Means {
        self.means
    }

    /// Leaves no room on it for these processes, which are those that write there.
    ///
    /// # Errors
    /// If there is room still.
    pub fn fill<'a>(&self, writers: impl IntoIterator<Item = &'a Process>) -> anyhow::Result<()> {
        if self.means == Means::FileSize {
            return writers.into_iter().try_for_each(|writer| limit(writer, "0:unlimited"));
        }
        let mut filler = File::create(self.path.join(FILLER))?;
        // Ever smaller pieces, so that nothing is left for anybody.
        for piece in [1 << 20, 1 << 12, 1] {
            let piece = vec![0; piece];
            loop {
                match filler.write(&piece) {
                    Ok(written) if written > 0 => {}
                    Err(why) if why.kind() == ErrorKind::StorageFull => break,
                    other => ensure!(other.is_ok(), "{}: {other:?}", self.path.display()),
                }
            }
        }
        Ok(())
    }

    /// Makes room again.
    ///
    /// # Errors
    /// If that does not work.
    pub fn free<'a>(&self, writers: impl IntoIterator<Item = &'a Process>) -> anyhow::Result<()> {
        if self.means == Means::FileSize {
            return writers.into_iter().try_for_each(|writer| limit(writer, "unlimited:unlimited"));
        }
        Ok(fs::remove_file(self.path.join(FILLER))?)
    }
}

fn limit(process: &Process, limit: &str) -> anyhow::Result<()> {
    let id = process.id().with_context(|| format!("{} does not run", process.name()))?;
    let mut command = Command::new("prlimit");
    let set = command.args(["--pid", &id.to_string(), &format!("--fsize={limit}")]).status().context("prlimit")?;
    ensure!(set.success(), "prlimit: {set}");
    Ok(())
}
