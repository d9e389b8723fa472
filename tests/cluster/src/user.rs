//! As whom the cluster runs: PostgreSQL refuses root.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::binaries;
use crate::error::ClusterError;

/// Who may stand in for root, the first that exists.
const STAND_INS: [&str; 2] = ["postgres", "nobody"];

/// Makes a command run as the servers of clusters do, and find their programs: for scripts that start one of their own.
///
/// # Errors
/// [`ClusterError::Missing`] if PostgreSQL is not installed; [`ClusterError::Start`] if root has nobody to stand in for it.
pub fn as_servers_run(command: &mut Command) -> Result<(), ClusterError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(binaries::directory()?).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(directories).map_err(|error| ClusterError::Start(error.to_string()))?;
    drop_root(command.env("PATH", path))
}

/// Makes `command` run as a user that PostgreSQL accepts: the caller, or a stand-in if that is root.
pub(crate) fn drop_root(command: &mut Command) -> Result<(), ClusterError> {
    if id(&["-u"]) != Some(0) {
        return Ok(());
    }
    let stand_in = STAND_INS.iter().find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)));
    let (user, group) =
        stand_in.ok_or_else(|| ClusterError::Start(format!("root needs one of the users {}", STAND_INS.join(", "))))?;
    // With the user, the standard library drops root's other groups too.
    command.uid(user).gid(group);
    Ok(())
}

/// Asks `id`, which knows every source of users; none if there is no such user.
fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_somebody_and_a_stranger_is_not() {
        assert_eq!(id(&["-u", "root"]), Some(0));
        assert_eq!(id(&["-u", "no-such-user"]), None);
    }

    #[test]
    fn a_command_does_not_run_as_root() {
        let mut command = Command::new("id");
        command.arg("-u");
        drop_root(&mut command).expect("a user");
        let output = command.output().expect("ran");
        assert_ne!(output.stdout, b"0\n");
    }
}
