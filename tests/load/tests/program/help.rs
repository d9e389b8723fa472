//! The help is the manual.

use std::path::Path;
use std::process::Command;

/// What `--help` said when it was last read by a person. When it changes on purpose, the test writes what it would be now beside it; read it, then keep it.
#[test]
fn the_help_is_the_manual() {
    let mut manual = String::new();
    for command in ["", "quiet", "custom"] {
        let mut load = Command::new(env!("CARGO_BIN_EXE_load"));
        let output = load.env_clear().args([command, "--help"].iter().filter(|word| !word.is_empty())).output();
        let output = output.expect("runs");
        assert_eq!(output.status.code(), Some(0));
        manual += &format!("$ load {command} --help\n{}\n", String::from_utf8(output.stdout).expect("text"));
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/help.txt");
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    if manual != expected {
        std::fs::write(golden.with_extension("actual"), &manual).expect("written");
        panic!("the help has changed: compare tests/program/help.txt with help.actual");
    }
}
