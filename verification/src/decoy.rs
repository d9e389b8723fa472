//! What a request costs that carries nothing. It is looked up, derived, signed and written like a real one, but under a key of ours and into a table
//! that nobody reads.

use std::hint::black_box;

use store::{CodeId, Issuer};

use crate::problem::Problem;
use crate::state::State;
use crate::token::Token;

/// What is looked up instead of a code. It has the length of one, and is none.
const NO_CODE: &str = "--------";

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
    black_box(state.chaff().certificate(&issuer.issuer, &issuer.audience, state.now()));
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
