//! What operators see of the server. Nothing says who uploaded what, and what phones do is published in steps.

use service::{Metrics, SteppedFamily};
use store::{Accepted, Provenance};

use crate::key_set_metrics::KeySetMetrics;

/// All families, each registered once.
pub(crate) struct ServerMetrics {
    metrics: Metrics,
    refused: SteppedFamily,
    /// Of the keys that authorities publish.
    pub(crate) key_sets: KeySetMetrics,
    conflicts: SteppedFamily,
}

/// Why a request was refused: attached to the reply that says so, and counted on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The code that the sender is told.
    pub(crate) code: &'static str,
    /// What the sender is not told, nothing if there is no more to it.
    pub(crate) reason: &'static str,
}

impl ServerMetrics {
    /// Registers all of them.
    pub(crate) fn register() -> Self {
        let metrics = Metrics::default();
        let refused = metrics.stepped_family(
            "pratique_server_refused",
            "Requests of phones that were refused, by the code of the answer and, for certificates, by the reason that is not told",
            &["code", "reason"],
        );
        let key_sets = KeySetMetrics::register(&metrics);
        let conflicts = metrics.stepped_family(
            "pratique_server_conflicts",
            "Keys that were known with another start, period or origin, and reports whose verification key was known with another report, by who \
             certified the later one; kid is empty where nobody did",
            &["authority", "kid"],
        );
        Self { metrics, refused, key_sets, conflicts }
    }

    /// Counts a refusal.
    pub(crate) fn count_refusal(&self, refused: Refused) {
        self.refused.count(&[refused.code, refused.reason]);
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
