//! The steps of a pass as an observer sees them: before and after every transaction and every object.
//!
//! Observers exist for fault injection. One that stops the process between any two steps, or lets any step fail, must find, after the next pass,
//! the bundles that an undisturbed pass would have made.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proto::Feed;
use store::StoreError;

use crate::error::ExportError;

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
    /// `feed.record`, `bundle.delete`, `bundle.record_deleted`, `feed.purge`, `ready.replace`, `ready.delete`, `interval.close`, `interval.put`,
    /// `interval.delete` or `interval.forget`; of operators `bundle.adopt`, `feed.adopt`, `feed.renumber`, `feed.recall` and `audit.record`.
    pub name: &'static str,
    /// Before or after it.
    pub when: When,
    /// Whose step; none in steps of a bucket as a whole.
    pub feed: Option<&'a Feed>,
    /// The bundle's sequence, in steps of one bundle.
    pub sequence: Option<u64>,
    /// The bucket's name, in steps of one bucket.
    pub bucket: Option<&'a str>,
    doomed: &'a AtomicBool,
}

impl Step<'_> {
    /// Lets the step fail. Before it, it is not even tried; after it, whoever takes it is told that it failed although it took effect, as when a
    /// reply is lost.
    pub fn fail(&self) {
        self.doomed.store(true, Ordering::Relaxed);
    }
}

impl Step<'_> {
    /// What it is, for people who wait for it: `NO/gaen: bundle.put 7 main`.
    pub(crate) fn doing(&self) -> String {
        let feed = self.feed.map(|feed| format!("{feed}: ")).unwrap_or_default();
        let sequence = self.sequence.map(|sequence| format!(" {sequence}")).unwrap_or_default();
        let bucket = self.bucket.map(|bucket| format!(" {bucket}")).unwrap_or_default();
        format!("{feed}{}{sequence}{bucket}", self.name)
    }
}

/// Called at every step, on the thread that runs the pass; it may block.
pub type Observer = Arc<dyn Fn(&Step<'_>) + Send + Sync>;

/// What a step is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) feed: Option<&'a Feed>,
    pub(crate) sequence: Option<u64>,
    pub(crate) bucket: Option<&'a str>,
}

/// What a step comes to.
pub(crate) trait Outcome {
    /// That of a step which the observer lets fail.
    fn failed() -> Self;
}

/// What such a failure says.
const LET_FAIL: &str = "an observer let this step fail";

impl<T> Outcome for Result<T, StoreError> {
    fn failed() -> Self {
        Err(StoreError::Unavailable(LET_FAIL.to_owned()))
    }
}

impl<T> Outcome for Result<T, ExportError> {
    fn failed() -> Self {
        Err(ExportError::Retry(LET_FAIL.to_owned()))
    }
}

/// Takes a step, with the observer called before and after it.
pub(crate) async fn take<T: Outcome>(
    observer: &Observer,
    name: &'static str,
    subject: Subject<'_>,
    operation: impl Future<Output = T>,
) -> T {
    let doomed = AtomicBool::new(false);
    let Subject { feed, sequence, bucket } = subject;
    let step = Step { name, when: When::Before, feed, sequence, bucket, doomed: &doomed };
    observer(&step);
    if doomed.load(Ordering::Relaxed) {
        return T::failed();
    }
    let outcome = operation.await;
    observer(&Step { when: When::After, ..step });
    if doomed.load(Ordering::Relaxed) { T::failed() } else { outcome }
}

/// One line: `before bundle.put NO/gaen 7 main`.
impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = match self.when {
            When::Before => "before",
            When::After => "after",
        };
        write!(f, "{when} {}", self.name)?;
        if let Some(feed) = self.feed {
            write!(f, " {feed}")?;
        }
        if let Some(sequence) = self.sequence {
            write!(f, " {sequence}")?;
        }
        match self.bucket {
            Some(bucket) => write!(f, " {bucket}"),
            None => Ok(()),
        }
    }
}
