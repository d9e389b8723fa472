//! Issuing a code: draw, digest, seal, store; draw again if somebody else has it.

use proto::Timestamp;
use store::{CodeForm, CodeId, IssueOutcome, Issuer, NewCode, NewForm, StandingCode};

use crate::code::Code;
use crate::order::Order;
use crate::policy::{DRAWS, MEMORY, SHORT_CODE_LIFE};
use crate::problem::Problem;
use crate::state::State;

/// A code for its person.
pub(crate) struct Issued {
    /// What to type.
    pub(crate) code: Code,
    /// Until when.
    pub(crate) expires_at: Timestamp,
}

/// Issues a code for an order, or answers a repeated order with the code that it got before.
pub(crate) async fn issue(state: &State, issuer: &Issuer, order: &Order, now: Timestamp) -> Result<Issued, Problem> {
    let expires_at = now.plus(SHORT_CODE_LIFE);
    for _ in 0..DRAWS {
        let (code, row) = draw(state, issuer, order, expires_at);
        match state.store().issue(&row, now).await? {
            IssueOutcome::Issued => return Ok(Issued { code, expires_at }),
            IssueOutcome::Repeated(standing) => return reopen(state, &standing),
            IssueOutcome::UuidTaken => return Err(Problem::UUID_EXISTS),
            IssueOutcome::Collision => {}
        }
    }
    tracing::error!(draws = DRAWS, "every drawn code was taken: far too many codes are out");
    Err(Problem::INTERNAL)
}

/// A code and its row.
fn draw(state: &State, issuer: &Issuer, order: &Order, expires_at: Timestamp) -> (Code, NewCode) {
    let mut rng = store::chance::source();
    let (secret, id) = (state.secret(), CodeId(store::chance::bytes()));
    let code = Code::draw(&mut rng);
    let form = NewForm {
        form: CodeForm::Short,
        digests: vec![secret.code_digest(&issuer.id, code.as_str())],
        sealed: secret.seal(id, code.as_str(), &mut rng),
        expires_at,
    };
    let row = NewCode {
        id,
        authority: issuer.id.clone(),
        uuid: order.uuid.0,
        request: vec![secret.request_digest(&order.text)],
        terms: order.terms,
        forms: vec![form],
        forget_at: expires_at.plus(MEMORY),
    };
    (code, row)
}

/// The code that was issued before and still waits.
fn reopen(state: &State, standing: &StandingCode) -> Result<Issued, Problem> {
    let short = standing.forms.iter().find(|form| form.form == CodeForm::Short).ok_or(Problem::UUID_EXISTS)?;
    let secret = Some(state.secret()).filter(|secret| secret.pepper() == standing.pepper);
    let text = secret.and_then(|secret| secret.open(standing.id, &short.sealed));
    let code = text.and_then(|text| Code::from_row(&text)).ok_or_else(|| {
        tracing::error!("a stored code does not open: was its row or the secret changed?");
        Problem::INTERNAL
    })?;
    Ok(Issued { code, expires_at: short.expires_at })
}
