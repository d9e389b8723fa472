//! Looking at what the program left on disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program with these arguments, and no log but its own choice.
pub(crate) fn pratique(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pratique"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

/// All files below a directory, sorted.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// The bundles of the public tree.
pub(crate) fn bundles(dir: &Path) -> Vec<PathBuf> {
    let mut files = files_below(&dir.join("cdn"));
    files.retain(|path| path.extension().is_some_and(|extension| extension == "zip"));
    files
}

/// The permission bits.
pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("exists").permissions().mode() & 0o777
}
