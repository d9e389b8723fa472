//! The figures along the time of the run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The run cut into points of equal length: the first begins with the schedule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The length of a point: 1 for runs of up to an hour, then 10, 60, 600, 3600.
    pub seconds_per_point: u32,
    /// How many points each list has.
    pub points: usize,
    /// The operations, in the order of [`Results::operations`](super::Results::operations).
    pub operations: Vec<OperationSeries>,
    /// The gauges.
    pub gauges: Vec<GaugeSeries>,
}

impl Series {
    /// The first operation or gauge whose lists have not one value for each point. None if all have.
    pub(crate) fn uneven(&self) -> Option<&str> {
        let operation = self.operations.iter().find(|operation| !operation.has(self.points));
        let gauge = self.gauges.iter().find(|gauge| [&gauge.mean, &gauge.max].iter().any(|of| of.len() != self.points));
        operation.map(|operation| operation.name.as_str()).or_else(|| gauge.map(|gauge| gauge.name.as_str()))
    }
}

/// One operation. Counts belong to the point in which the answer came, `asked` and times to that in which the request was due.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OperationSeries {
    /// The name of the operation.
    pub name: String,
    /// Requests that the schedule asked for.
    pub asked: Vec<u64>,
    /// Requests that were answered as asked.
    pub done: Vec<u64>,
    /// Requests that were answered 304.
    pub not_modified: Vec<u64>,
    /// Requests that were refused as expected.
    pub refused: Vec<u64>,
    /// Requests that failed.
    pub failed: Vec<u64>,
    /// The same by reason.
    pub failed_by_reason: BTreeMap<String, Vec<u64>>,
    /// Bytes of the answers' bodies.
    pub received_bytes: Vec<u64>,
    /// Half of the requests due in this point took no longer; at most 3.2 % too high. Null if none was answered.
    pub p50_ms: Vec<Option<f64>>,
    /// 90 % took no longer; likewise.
    pub p90_ms: Vec<Option<f64>>,
    /// 99 % took no longer; likewise.
    pub p99_ms: Vec<Option<f64>>,
    /// The longest, exactly.
    pub max_ms: Vec<Option<f64>>,
    /// The longest wait for the load machine, exactly. Null if that was not measured.
    pub waited_max_ms: Vec<Option<f64>>,
    /// The same times over longer windows, for plots.
    pub windows: Windows,
}

impl OperationSeries {
    fn has(&self, points: usize) -> bool {
        let counts = [&self.asked, &self.done, &self.not_modified, &self.refused, &self.failed, &self.received_bytes];
        let times = [&self.p50_ms, &self.p90_ms, &self.p99_ms, &self.max_ms, &self.waited_max_ms];
        let Windows { p50_ms, p99_ms, max_ms, .. } = &self.windows;
        counts.into_iter().chain(self.failed_by_reason.values()).all(|counts| counts.len() == points)
            && times.iter().all(|times| times.len() == points)
            && [p99_ms, max_ms].iter().all(|times| times.len() == p50_ms.len())
    }
}

/// Times over windows of several points each: up to 200 of them with a hundred requests each, up to 65 with ten, or up to 24 with fewer. A p99
/// of three requests is the slowest of them and no p99.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    /// The length of a window: a multiple of the length of a point.
    pub seconds_per_window: u32,
    /// Half of the requests due in this window took no longer; at most 3.2 % too high. Null if none was answered.
    pub p50_ms: Vec<Option<f64>>,
    /// 99 % took no longer; likewise.
    pub p99_ms: Vec<Option<f64>>,
    /// The longest, exactly.
    pub max_ms: Vec<Option<f64>>,
}

/// One gauge. Null where nothing was told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GaugeSeries {
    /// Its name, which ends in its unit.
    pub name: String,
    /// The mean of what was told in this point.
    pub mean: Vec<Option<f64>>,
    /// The highest of it.
    pub max: Vec<Option<f64>>,
}

/// A moment of the run that plots point out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Seconds since the schedule began.
    pub at_seconds: f64,
    /// What happened.
    pub what: String,
}
