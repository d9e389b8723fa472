//! The steps of a pass as an observer sees them: before and after every transaction and every object.
//!
//! Observers exist for fault injection. One that stops the process between any two steps must find, after the next pass, the bundles that an
//! undisturbed pass would have made.

use std::fmt;
use std::sync::Arc;

use proto::Feed;

/// On which side of a step the observer is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The step has not begun.
    Before,
    /// The step took effect or failed.
    After,
}

/// A step of a pass.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// `feed.announce`, `feed.seal`, `feed.delist`, `bundle.derive`, `bundle.put`, `bundle.record`, `manifest.replace`, `index.replace`,
    /// `feed.record`, `bundle.delete`, `bundle.record_deleted` or `feed.purge`.
    pub name: &'static str,
    /// Before or after it.
    pub when: When,
    /// Whose step.
    pub feed: &'a Feed,
    /// The bundle's sequence, in steps of one bundle.
    pub sequence: Option<u64>,
    /// The bucket's name, in steps of one bucket.
    pub bucket: Option<&'a str>,
}

impl Step<'_> {
    /// What it is, for people who wait for it: `NO/gaen: bundle.put 7 main`.
    pub(crate) fn doing(&self) -> String {
        let sequence = self.sequence.map(|sequence| format!(" {sequence}")).unwrap_or_default();
        let bucket = self.bucket.map(|bucket| format!(" {bucket}")).unwrap_or_default();
        format!("{}: {}{sequence}{bucket}", self.feed, self.name)
    }
}

/// Called at every step, on the thread that runs the pass; it may block.
pub type Observer = Arc<dyn Fn(&Step<'_>) + Send + Sync>;

/// One line: `before bundle.put NO/gaen 7 main`.
impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = match self.when {
            When::Before => "before",
            When::After => "after",
        };
        write!(f, "{when} {} {}", self.name, self.feed)?;
        if let Some(sequence) = self.sequence {
            write!(f, " {sequence}")?;
        }
        match self.bucket {
            Some(bucket) => write!(f, " {bucket}"),
            None => Ok(()),
        }
    }
}
