//! What an audit found, for people and for machines.

use std::fmt;

use serde::Serialize;

use crate::report::grouped;

/// What an audit compared and found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AuditReport {
    /// How many bundles were read from buckets and compared; one in two buckets counts twice.
    pub compared: u64,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The feed's path.
    pub feed: String,
    /// The bucket's name.
    pub bucket: String,
    /// What it is.
    pub kind: FindingKind,
    /// The object's path, if it is about one.
    pub object: Option<String>,
    /// The same in words.
    pub message: String,
}

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// The bucket does not answer.
    NoAnswer,
    /// A bundle that should be there is not.
    Missing,
    /// An object that should have been deleted is still there.
    Lingering,
    /// The bucket has no manifest, or one of an older number.
    Behind,
    /// The index is not the manifest's.
    Index,
    /// Other bytes stand under a bundle's name.
    OtherBytes,
    /// The bytes are those that were recorded, and a phone would refuse them.
    Refused,
    /// An object stands under the feed's path that no row knows.
    Foreign,
    /// The manifest cannot be read or is not signed by this exporter's key.
    ManifestUnreadable,
    /// The bucket says more than the database, or something else.
    Ahead,
}

impl FindingKind {
    /// Whether the next pass, or a later one, sees to it by itself.
    pub const fn heals(self) -> bool {
        matches!(self, Self::NoAnswer | Self::Missing | Self::Lingering | Self::Behind | Self::Index)
    }
}

impl AuditReport {
    /// The exit code of `exporter audit`: 0 if there is no finding, 1 if the next pass sees to all of them, 2 if somebody has to look.
    pub fn exit_code(&self) -> u8 {
        match (self.findings.is_empty(), self.findings.iter().all(|finding| finding.kind.heals())) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        }
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        let (bundles, findings) = (grouped(self.compared), grouped(self.findings.len() as u64));
        writeln!(f, "{bundles} bundles compared, {findings} findings")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { feed, bucket, object, message, .. } = self;
        match object {
            Some(object) => write!(f, "{feed}: bucket {bucket}: {object}: {message}"),
            None => write!(f, "{feed}: bucket {bucket}: {message}"),
        }
    }
}
