//! What a program says when it has done something.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// One result on standard output: JSON on one line, or words. A reader that went away, as `head` does, changes neither what was done nor how the
/// program ends.
///
/// # Errors
/// Whatever else keeps it from being written.
pub fn say(as_json: bool, value: &impl Display, text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let said = if as_json { writeln!(out, "{value}") } else { writeln!(out, "{text}") };
    match said.and_then(|()| out.flush()) {
        Err(gone) if gone.kind() == ErrorKind::BrokenPipe => Ok(()),
        said => said,
    }
}
