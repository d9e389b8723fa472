//! Chaff: what a request costs that carries nothing. It is looked up, derived, signed and written like a real one, but under a key of ours and into a
//! table that nobody reads.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use proto::ReportType;
use proto::certificate::{Algorithm, CertificateSigner, Claims};
use proto::commitment::Commitment;
use service::{CHAFF_PER_SECOND, ChaffBudget, Metrics};
use store::{CodeId, Issuer, Scratch};

use crate::policy::CERTIFICATE_LIFE;
use crate::problem::Problem;
use crate::state::State;
use crate::token::Token;

/// What is looked up instead of a code. It has the length of one, and is none.
const NO_CODE: &str = "--------";

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
            budget: ChaffBudget::new(CHAFF_PER_SECOND, metrics, "pratique_verification"),
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
    pub(crate) fn certificate(&self, state: &State, issuer: &str, audience: &str) -> String {
        let now = state.now();
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

    fn scratch(&self, rows: usize) -> Scratch {
        let block = self.block.fetch_add(1, Ordering::Relaxed);
        Scratch { block, rows: std::iter::repeat_with(store::chance::bytes).take(rows).collect() }
    }
}

/// What claiming a code costs. No budget of guesses is touched.
pub(crate) async fn claim(state: &State, issuer: &Issuer) -> Result<(), Problem> {
    let secrets = state.secrets();
    state.store().find_long(&issuer.id, &secrets.code_digests(&issuer.id, NO_CODE)).await?;
    let nonce = store::chance::bytes::<16>();
    black_box(Token::derive(secrets.current(), CodeId(nonce), Some(&nonce)).digest());
    scribble(state, 1).await
}

/// What a certificate costs.
pub(crate) async fn certify(state: &State, issuer: &Issuer) -> Result<(), Problem> {
    state.store().issuer_keys(&issuer.id, state.now()).await?;
    scribble(state, 1).await?;
    black_box(state.chaff().certificate(state, &issuer.issuer, &issuer.audience));
    Ok(())
}

/// What a self-report costs, but for its text message.
pub(crate) async fn report(state: &State, issuer: &Issuer) -> Result<(), Problem> {
    black_box(state.secrets().code_digests(&issuer.id, NO_CODE));
    scribble(state, 4).await
}

async fn scribble(state: &State, rows: usize) -> Result<(), Problem> {
    Ok(state.store().scribble(&state.chaff().scratch(rows)).await?)
}
