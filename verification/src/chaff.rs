//! What working for chaff takes: a budget, a ring of rows that nobody reads, and a key that nobody believes.

use std::sync::atomic::{AtomicU32, Ordering};

use proto::certificate::{Algorithm, CertificateSigner, Claims};
use proto::commitment::Commitment;
use proto::{ReportType, Timestamp};
use service::{CHAFF_PER_SECOND, ChaffBudget, Metrics};
use store::Scratch;

use crate::guess_metrics::PREFIX;
use crate::policy::CERTIFICATE_LIFE;

/// What working for chaff takes.
pub(crate) struct ChaffDesk {
    budget: ChaffBudget,
    /// Which block of the ring is written over next.
    block: AtomicU32,
    /// Signs what nobody believes: no key server knows its key.
    signer: CertificateSigner,
}

impl ChaffDesk {
    /// A desk with a key of its own, drawn for this process.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            budget: ChaffBudget::new(CHAFF_PER_SECOND, metrics, PREFIX),
            block: AtomicU32::default(),
            signer: CertificateSigner::generate(Algorithm::EdDsa, &mut store::chance::source()),
        }
    }

    /// The same with another budget, and with another key.
    pub(crate) fn with_rate(&self, per_second: u32) -> Self {
        let signer = CertificateSigner::generate(Algorithm::EdDsa, &mut store::chance::source());
        let block = AtomicU32::new(self.block.load(Ordering::Relaxed));
        Self { budget: self.budget.with_rate(per_second), block, signer }
    }

    /// Counts one more, and says whether to work for it.
    pub(crate) fn admits_one(&self) -> bool {
        self.budget.admits_one()
    }

    /// A certificate that nobody believes, as long as one of `issuer`.
    pub(crate) fn certificate(&self, issuer: &str, audience: &str, now: Timestamp) -> String {
        self.signer.sign(&Claims {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            issued_at: now,
            expires_at: now.plus(CERTIFICATE_LIFE),
            report_type: ReportType::Confirmed,
            symptom_onset: None,
            commitment: Commitment::new(&store::chance::bytes::<32>()).expect("a commitment has 32 bytes"),
        })
    }

    /// What is written over the next block.
    pub(crate) fn scratch(&self, rows: usize) -> Scratch {
        let block = self.block.fetch_add(1, Ordering::Relaxed);
        Scratch { block, rows: std::iter::repeat_with(store::chance::bytes).take(rows).collect() }
    }
}
