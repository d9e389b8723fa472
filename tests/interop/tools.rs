//! The foreign programs that the tests compare with. A missing one fails the test, and says what to install.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `openssl`.
pub(crate) const OPENSSL: Tool = Tool { name: "openssl", package: "openssl" };
/// The reference compiler of Protocol Buffers.
pub(crate) const PROTOC: Tool = Tool { name: "protoc", package: "protobuf-compiler" };
/// Info-ZIP.
pub(crate) const UNZIP: Tool = Tool { name: "unzip", package: "unzip" };

/// A program and the Debian package that has it.
pub(crate) struct Tool {
    name: &'static str,
    package: &'static str,
}

impl Tool {
    /// Runs the program with `input`; its output if it succeeds.
    ///
    /// # Errors
    /// What it said, if it did not succeed.
    pub(crate) fn run(&self, arguments: &[&dyn AsRef<OsStr>], input: &[u8]) -> Result<Vec<u8>, String> {
        let command = Command::new(self.name);
        let missing = format!("apt-get install {} (tests/run does it)", self.package);
        run(command, arguments, input, &missing)
    }
}

/// Python with the packages of requirements.txt, in the virtual environment that tests/run makes.
pub(crate) fn python(arguments: &[&dyn AsRef<OsStr>], input: &[u8]) -> Result<Vec<u8>, String> {
    let home = repository().join("target/python");
    run(Command::new(home.join("bin/python")), arguments, input, "run tests/run once, which makes target/python")
}

/// A program of a Python package of requirements.txt, run in `directory` with these variables in its environment.
pub(crate) fn python_program(
    name: &str,
    arguments: &[&dyn AsRef<OsStr>],
    directory: &Path,
    environment: &[(&str, &str)],
) -> Result<Vec<u8>, String> {
    let program = std::path::absolute(repository().join("target/python/bin").join(name)).expect("there is a directory");
    let mut command = Command::new(program);
    command.current_dir(directory).envs(environment.iter().copied());
    run(command, arguments, b"", "run tests/run once, which makes target/python")
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run(mut command: Command, arguments: &[&dyn AsRef<OsStr>], input: &[u8], missing: &str) -> Result<Vec<u8>, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.args(arguments.iter().map(|argument| argument.as_ref()));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("{program} does not start ({error}). To install it: {missing}"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    // Written beside the reading: a program that answers while it reads would otherwise wait for us as we wait for it.
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("a child can be waited for");
    // A program that fails may have closed its input early; what it said matters more than that.
    let _ = writer.join().expect("the writer does not panic");
    if output.status.success() {
        Ok(output.stdout)
    } else {
        let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        Err(format!("{program}: {complained}{said}"))
    }
}
