//! Finding the programs of this workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A program that was built beside the one that runs: of the same profile.
pub(crate) fn path(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    let mut directory = own.parent().context("a program lies in a directory")?;
    // Tests lie one level below the programs.
    if directory.ends_with("deps") {
        directory = directory.parent().context("tests lie below the programs")?;
    }
    let program = directory.join(name);
    if !program.is_file() {
        let release = if directory.ends_with("release") { " --release" } else { "" };
        bail!("{} is not there; build it: cargo build{release} --workspace --bins", program.display());
    }
    Ok(program)
}

/// Runs a command to its end, and answers with what it printed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}{}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
