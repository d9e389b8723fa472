//! What a run looks like at this moment, for those who watch it.

/// Counts since the start, and how it feels now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glance {
    /// Requests that the schedule asked for.
    pub asked: u64,
    /// Those of them that have ended.
    pub reached: u64,
    /// All requests that have ended: those, and the steps that follow from an answer.
    pub ended: u64,
    /// Requests that failed.
    pub failed: u64,
    /// The operation with the longest p99 of the last seconds, and that time in milliseconds. None if nothing was answered lately.
    pub slowest: Option<(&'static str, f64)>,
}
