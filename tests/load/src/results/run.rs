//! What was run.

use std::collections::BTreeMap;

use proto::Timestamp;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Machine;

/// What was run, where, when and by which program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The preset: `country`, for example.
    pub preset: String,
    /// The settings in effect, by the names of the flags. Without secrets: what stands here stands in the report.
    pub settings: BTreeMap<String, String>,
    /// Faults were expected: then errors and limits decide nothing, and the proof alone does.
    pub through_faults: bool,
    /// When the schedule began, in UTC: `2026-11-22T09:30:00Z`.
    pub started_at: String,
    /// The version of this program.
    pub program_version: String,
    /// The machine that the load came from.
    pub machine: Machine,
}

impl Run {
    /// A run of this preset by this program on this machine.
    pub fn new(preset: &str, settings: BTreeMap<String, String>, started_at: Timestamp) -> Self {
        let moment = OffsetDateTime::from_unix_timestamp(started_at.unix());
        // Years beyond 9999 cannot be written; no clock is that wrong.
        let started_at = moment.ok().and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default();
        Self {
            preset: preset.to_owned(),
            settings,
            through_faults: false,
            started_at,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            machine: Machine::here(),
        }
    }

    /// The same, through faults or not.
    #[must_use]
    pub fn through_faults(self, through_faults: bool) -> Self {
        Self { through_faults, ..self }
    }
}
