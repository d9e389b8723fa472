//! What operators see of the server. Nothing says who uploaded what, and what phones do is published in steps.

use std::sync::Arc;

use proto::{Kind, Role};
use service::{DatabaseMetrics, DatabaseUp, Metrics, RequestMetrics, SteppedFamily};
use store::{Accepted, Provenance};

use crate::key_set_metrics::KeySetMetrics;
use crate::phone_paths::{OPERATOR_PATHS, PHONE_PATHS};

/// How the names of all of them begin.
pub(crate) const PREFIX: &str = "pratique_server";

/// All families, each registered once.
pub(crate) struct ServerMetrics {
    metrics: Metrics,
    pub(crate) requests: RequestMetrics,
    pub(crate) database: Arc<DatabaseMetrics>,
    pub(crate) database_up: DatabaseUp,
    accepted: SteppedFamily,
    /// Of the keys that authorities publish.
    pub(crate) key_sets: KeySetMetrics,
    conflicts: SteppedFamily,
}

impl ServerMetrics {
    /// Registers all of them.
    pub(crate) fn register() -> Self {
        let metrics = Metrics::of_program(PREFIX);
        let requests = RequestMetrics::register(&metrics, PREFIX, PHONE_PATHS.iter().chain(OPERATOR_PATHS));
        let database = DatabaseMetrics::register(&metrics, PREFIX);
        let database_up = DatabaseUp::register(&metrics, PREFIX);
        let accepted = metrics.stepped_family(
            "pratique_server_accepted",
            "Keys and reports that were accepted, whether or not they were known before",
            &["kind", "role"],
        );
        let key_sets = KeySetMetrics::register(&metrics);
        let conflicts = metrics.stepped_family(
            "pratique_server_conflicts",
            "Keys that were known with another start, period or origin, and reports whose verification key was known with another report, by who \
             certified the later one; kid is empty where nobody did",
            &["authority", "kid"],
        );
        Self { metrics, requests, database, database_up, accepted, key_sets, conflicts }
    }

    /// Counts the good entries of an upload.
    pub(crate) fn count_accepted(&self, kind: Kind, role: Role, entries: usize) {
        self.accepted.count_many(&[kind.as_str(), role.as_str()], entries as u64);
    }

    /// Counts what of an upload says something else than is known.
    pub(crate) fn count_conflicts(&self, provenance: &Provenance, accepted: Accepted) {
        if accepted.conflicts > 0 {
            self.conflicts.count_many(&[&provenance.authority, &provenance.kid], accepted.conflicts);
        }
    }

    /// What is shown to operators.
    pub(crate) const fn all(&self) -> &Metrics {
        &self.metrics
    }
}
