//! The file that says which version of a region's key signs from when on: `{region}-{use}.turns`, a line `VERSION SECONDS` for each turn after the
//! first, oldest first, with comments. It is no secret.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use proto::{Kind, Region, Timestamp};

use super::version::is_version;
use super::write_over;
use crate::error::ExportError;

/// How the file begins.
const HEAD: &str = "# Which version of the key signs from when on, in UTC seconds. `exporter keys rotate` writes this file; copy it with the keys.\n";

/// A turn, by the version of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionTurn {
    /// The version.
    pub(crate) version: String,
    /// From when on.
    pub(crate) from: Timestamp,
}

/// Where the turns of a region's keys stand.
pub(crate) fn turns_file(dir: &Path, region: &Region, kind: Kind) -> PathBuf {
    dir.join(format!("{region}-{kind}.turns"))
}

/// The turns after the first, oldest first; none without the file.
///
/// # Errors
/// [`ExportError::GiveUp`] if a line is none, with its number.
pub(crate) fn read_turns(dir: &Path, region: &Region, kind: Kind) -> Result<Vec<VersionTurn>, ExportError> {
    let path = turns_file(dir, region, kind);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(ExportError::io("cannot read", &path, &why)),
    };
    let mut turns: Vec<VersionTurn> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let turn = parse(line).filter(|turn| turns.last().is_none_or(|before| before.from < turn.from));
        turns.push(turn.ok_or_else(|| {
            let (path, number) = (path.display(), number + 1);
            ExportError::GiveUp(format!("{path}: line {number} must be VERSION SECONDS, later than the line before it"))
        })?);
    }
    Ok(turns)
}

/// Replaces the file, whole or not at all.
pub(crate) fn write_turns(dir: &Path, region: &Region, kind: Kind, turns: &[VersionTurn]) -> Result<(), ExportError> {
    let lines = turns.iter().map(|turn| format!("{} {}\n", turn.version, turn.from.unix()));
    write_over(&turns_file(dir, region, kind), &format!("{HEAD}{}", lines.collect::<String>()))
}

fn parse(line: &str) -> Option<VersionTurn> {
    let (version, from) = line.split_once(' ')?;
    let digits = from.bytes().all(|b| b.is_ascii_digit());
    let from = from.parse().ok().filter(|_| digits && is_version(version))?;
    Some(VersionTurn { version: version.to_owned(), from: Timestamp::from_unix(from) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_back_as_they_were_written_and_nothing_else_is_taken_for_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let region: Region = "NO".parse().expect("a region");
        let turns = || read_turns(dir.path(), &region, Kind::Gaen);
        assert_eq!(turns().expect("none"), []);
        let turn = |version: &str, from| VersionTurn { version: version.into(), from: Timestamp::from_unix(from) };
        let written = [turn("v2", 1_800_000_000), turn("v1", 1_800_003_600)];
        write_turns(dir.path(), &region, Kind::Gaen, &written).expect("written");
        assert_eq!(turns().expect("read"), written);

        let path = turns_file(dir.path(), &region, Kind::Gaen);
        for bad in ["v2", "v2 x", "v2 -5", "v2 +5", "v-2 5", "v2 5\nv3 5", "v2 5\nv3 4", "v2 5 6", "v2  5"] {
            fs::write(&path, bad).expect("written");
            let refused = turns().expect_err(bad).to_string();
            assert!(refused.contains("NO-gaen.turns: line"), "{refused}");
        }
    }
}
