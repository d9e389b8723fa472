//! `bundle` lines: which bundles are live.

use super::words::{number, sha256, time};
use crate::error::Malformed;
use crate::feed::Feed;
use crate::index::bundle_path;
use crate::interval::Timestamp;

/// A `bundle` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBundle {
    /// The bundle's number in its feed, gapless from 1.
    pub sequence: u64,
    /// The first sequence whose content it carries: its own, unless it rolls up others.
    pub from_sequence: u64,
    /// The end of the bundle before.
    pub start: Timestamp,
    /// Later than `start`.
    pub end: Timestamp,
    /// Ordinary entries, filler included.
    pub count: u64,
    /// Revised entries, filler included.
    pub revised: u64,
    /// The length of the zip.
    pub bytes: u64,
    /// SHA-256 of the zip.
    pub zip_sha256: [u8; 32],
    /// SHA-256 of `export.bin`.
    pub export_sha256: [u8; 32],
    /// The container's version.
    pub format: u32,
    /// The path from the CDN root.
    pub path: String,
}

impl ListedBundle {
    pub(super) fn render(&self) -> String {
        let Self { sequence, from_sequence, start, end, count, revised, bytes, format, path, .. } = self;
        let (zip, export) = (hex::encode(self.zip_sha256), hex::encode(self.export_sha256));
        let (start, end) = (start.unix(), end.unix());
        format!(
            "bundle {sequence} {from_sequence} {start} {end} {count} {revised} {bytes} {zip} {export} {format} {path}\n"
        )
    }

    pub(super) fn parse(words: &[&str]) -> Result<Self, Malformed> {
        let &[sequence, from, start, end, count, revised, bytes, zip, export, format, path] = words else {
            return Err(Malformed::new("bundle", "must have eleven values"));
        };
        let format = u32::try_from(number("bundle", format)?);
        Ok(Self {
            sequence: number("bundle", sequence)?,
            from_sequence: number("bundle", from)?,
            start: time("bundle", start)?,
            end: time("bundle", end)?,
            count: number("bundle", count)?,
            revised: number("bundle", revised)?,
            bytes: number("bundle", bytes)?,
            zip_sha256: sha256("bundle", zip)?,
            export_sha256: sha256("bundle", export)?,
            format: format.map_err(|_| Malformed::new("bundle", "must have a format below 2^32"))?,
            path: path.to_owned(),
        })
    }

    /// Whether this bundle may stand in a list of `feed` after `before`. A recall leaves gaps; but what is next in sequence touches, and
    /// nothing overlaps.
    pub(super) fn check(&self, feed: &Feed, before: Option<&Self>) -> Result<(), Malformed> {
        if !(1..=self.sequence).contains(&self.from_sequence) || self.end <= self.start {
            return Err(Malformed::new("bundle", "must have sequences from 1 on, and end after it starts"));
        }
        if self.path != bundle_path(feed, self.start, self.end) {
            return Err(Malformed::new("bundle", "must have the path that its feed, start and end give"));
        }
        let Some(before) = before else { return Ok(()) };
        let follows = self.from_sequence > before.sequence && self.start >= before.end;
        let adjacent = self.from_sequence - 1 == before.sequence;
        if !follows || adjacent && self.start != before.end {
            return Err(Malformed::new("bundle", "must be oldest first, touching the bundle before it in sequence"));
        }
        Ok(())
    }
}
