//! How every command answers: to people, to machines, and by its exit code.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use crate::error::ExportError;

/// Prints what a command came to, or why it came to nothing; the exit code, which of a report `exit_code` says.
pub(super) fn tell<R: Display + Serialize>(
    done: Result<R, ExportError>,
    exit_code: impl FnOnce(&R) -> u8,
    json: bool,
) -> u8 {
    match done {
        Ok(report) => {
            if json {
                print_json(&report);
            } else {
                say(&report);
            }
            exit_code(&report)
        }
        Err(why) => fail(&why, json),
    }
}

/// Says why a command did not begin, or ended early; the exit code.
pub(super) fn fail(why: &ExportError, json: bool) -> u8 {
    if json {
        print_json(&serde_json::json!({ "error": why.to_string(), "kind": why.kind() }));
    } else {
        complain(why);
    }
    why.kind().exit_code()
}

/// Prints what machines read.
pub(super) fn print_json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => say(&format_args!("{text}\n")),
        Err(why) => complain(&format_args!("the report cannot be written as JSON: {why}")),
    }
}

/// Writes to standard output. A reader that went away, as `head` does, changes neither what was done nor the exit code.
pub(super) fn say(text: &dyn Display) {
    let _ = write!(io::stdout(), "{text}");
}

/// Writes a line to standard error, on the same terms.
pub(super) fn complain(text: &dyn Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
