//! The outside programs that these checks call. A missing one fails the test, and says what to install.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::{complaint, repository};

/// A program of a Python package of requirements.txt, in the environment that `tests/run` makes.
pub(crate) fn of_python(name: &str) -> Command {
    let path = std::path::absolute(repository("target/python/bin").join(name)).expect("there is a directory");
    assert!(path.exists(), "{} is missing: run tests/run once, which makes target/python", path.display());
    Command::new(path)
}

/// Runs a command that must succeed; what it said to standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    assert!(output.status.success(), "{command:?}:\n{}{}", complaint(&output), String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A script of the shell in a mount namespace of its own, in which it may mount what it likes; nobody else sees it.
pub(crate) fn apart(script: &str, arguments: &[&dyn AsRef<OsStr>]) -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        // Root of a namespace in which there is nobody else.
        command.arg("--map-root-user");
    }
    command.args(["--mount", "sh", "-euc", script, "sh"]).args(arguments.iter().map(|argument| argument.as_ref()));
    command
}

/// Whether these tests run as root.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").expect("Linux has it").uid() == 0
}

/// The documents of a YAML file, or of YAML text, as JSON.
pub(crate) fn yaml(path: &Path) -> Vec<serde_json::Value> {
    const READ: &str = "import json, sys, yaml\nprint(json.dumps([d for d in yaml.safe_load_all(open(sys.argv[1])) if d], default=str))";
    let text = run(of_python("python").args(["-c", READ]).arg(path));
    serde_json::from_str(&text).expect("JSON")
}
