//! Finding the installed PostgreSQL.

use std::path::{Path, PathBuf};

use crate::error::ClusterError;

/// Where Debian keeps each major version's binaries, all but the clients out of `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";
/// What a cluster is made and run with.
const NEEDED: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// The directory with the binaries: the first in `PATH`, which is what a developer chose, or else Debian's newest.
pub(crate) fn directory() -> Result<PathBuf, ClusterError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let chosen = std::env::split_paths(&path).collect::<Vec<_>>();
    let mut candidates = chosen.into_iter().chain(debian(Path::new(DEBIAN)));
    candidates.find(|directory| complete(directory)).ok_or(ClusterError::Missing)
}

/// The binaries of all installed versions, the newest first.
fn debian(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut versions: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|version| root.join(version.to_string()).join("bin")).collect()
}

fn complete(directory: &Path) -> bool {
    NEEDED.iter().all(|name| directory.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let root = std::env::temp_dir().join(format!("pratique-versions-{}", std::process::id()));
        for version in ["9", "15", "17", "share"] {
            std::fs::create_dir_all(root.join(version)).expect("a directory");
        }
        let found = debian(&root);
        std::fs::remove_dir_all(&root).expect("removed");
        assert_eq!(found, ["17", "15", "9"].map(|version| root.join(version).join("bin")));
    }

    #[test]
    fn a_directory_with_clients_alone_will_not_do() {
        assert!(!complete(Path::new("/")));
        assert!(debian(Path::new("/nowhere")).is_empty());
    }
}
