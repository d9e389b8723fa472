//! The programs as they were built last, and what they say of their settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The programs that operators run.
pub(crate) const PROGRAMS: [&str; 4] = ["verification", "server", "exporter", "pratique"];

/// A variable of the environment that a program reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The flag that says the same, `--listen` for instance.
    pub(crate) flag: String,
    /// What holds if neither is said; none if there is no such value, or it is too long for the help.
    pub(crate) default: Option<String>,
}

/// Every variable of a program, whichever of its commands reads it, as its help names them.
pub(crate) fn variables(program: &str) -> BTreeMap<String, Variable> {
    let mut found = BTreeMap::new();
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = commands.pop() {
        let help = help(program, &command);
        found.extend(variables_in(&help));
        commands.extend(subcommands(&help).into_iter().map(|name| [command.clone(), vec![name]].concat()));
    }
    found
}

/// The variables that one command of a program reads.
pub(crate) fn variables_of(program: &str, command: &[&str]) -> BTreeMap<String, Variable> {
    let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
    variables_in(&help(program, &command))
}

/// Which of the words of a command line are flags that this command of a program does not have.
pub(crate) fn unknown_flags(program: &str, command: &[&str], line: &[String]) -> BTreeSet<String> {
    let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
    let help = help(program, &command);
    let known: BTreeSet<&str> = help.split([' ', '\n', ',']).filter(|word| word.starts_with("--")).collect();
    let said = line.iter().filter(|word| word.starts_with("--"));
    let said = said.map(|word| word.split('=').next().unwrap_or_default().to_owned());
    said.filter(|flag| !known.contains(flag.as_str())).collect()
}

/// A program with nothing in its environment but what the caller adds.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(built(name));
    command.env_clear();
    command
}

/// Runs a command to its end, which it must come to by itself within a minute.
pub(crate) fn ended(command: &Command) -> Output {
    let output = stopped(command);
    // What `timeout` kills with SIGKILL takes `timeout` with it.
    assert!(![None, Some(137)].contains(&output.status.code()), "{command:?} goes on: {}", complaint(&output));
    output
}

/// Runs a command to its end, or kills it after a minute.
pub(crate) fn stopped(command: &Command) -> Output {
    let mut bounded = Command::new("timeout");
    bounded.env_clear().args(["--signal=KILL", "60"]).arg(command.get_program()).args(command.get_args());
    bounded.envs(command.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    if let Some(directory) = command.get_current_dir() {
        bounded.current_dir(directory);
    }
    bounded.output().expect("coreutils are everywhere")
}

/// What a program said to standard error.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Where a program lies that was built with these tests.
pub(crate) fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let directory = test.parent().and_then(Path::parent).expect("tests lie below the programs");
    let path = directory.join(name);
    assert!(path.exists(), "{} is missing: cargo build --workspace --bins", path.display());
    path
}

/// A file or directory of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// The text of a file of the repository.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

fn help(name: &str, command: &[String]) -> String {
    let output = program(name).args(command).arg("--help").output().expect("the program runs");
    assert!(output.status.success(), "{name} {command:?} --help: {}", complaint(&output));
    String::from_utf8(output.stdout).expect("help is UTF-8")
}

/// The commands below the one whose help this is.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
}

/// The help of each flag begins on a line of its own.
fn variables_in(help: &str) -> BTreeMap<String, Variable> {
    let mut flags: Vec<String> = Vec::new();
    for line in help.lines() {
        match (line.trim_start().starts_with("--") || line.starts_with("  -"), flags.last_mut()) {
            (true, _) => flags.push(line.trim_start().to_owned()),
            (false, Some(flag)) => *flag += line,
            (false, None) => {}
        }
    }
    flags.iter().filter_map(|help| variable_in(help)).collect()
}

fn variable_in(help: &str) -> Option<(String, Variable)> {
    let flag = help.split(' ').find(|word| word.starts_with("--"))?.to_owned();
    let name = help.split("[env: ").nth(1)?.split(['=', ']']).next()?.to_owned();
    let default = help.split("[default: ").nth(1).and_then(|rest| rest.split(']').next()).map(str::to_owned);
    Some((name, Variable { flag, default }))
}
