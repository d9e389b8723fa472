//! Looking up what somebody typed, at the price that a wrong code has.

use proto::Timestamp;
use service::Caller;
use store::{FoundCode, Guess, GuessOutcome, Guesser, Peppered, Spelling};

use crate::code::{Code, Typed};
use crate::problem::Problem;
use crate::secrets::Secrets;
use crate::state::State;

/// Who looks for a code, among which, and when.
pub(crate) struct Search<'a> {
    /// The slug of the authority whose app asks.
    pub(crate) authority: &'a str,
    /// The nonce of the phone that asks, if it has one.
    pub(crate) nonce: Option<&'a [u8]>,
    /// Where the request came from.
    pub(crate) caller: &'a Caller,
    /// The live secrets.
    pub(crate) secrets: &'a Secrets,
    /// Which row of a tally counts a failure.
    pub(crate) stripe: u8,
    /// The time of the request.
    pub(crate) now: Timestamp,
}

/// Finds a code. What may be a long one is first looked up as such: nobody finds those by trying, so they cost nothing. Only what may be a short
/// one and is none is a failure.
pub(crate) async fn look_up(state: &State, search: &Search<'_>, typed: &Typed) -> Result<FoundCode, Problem> {
    if let Some(long) = &typed.long {
        let digests = search.digests(long);
        if let Some(found) = state.store().find_long(search.authority, &digests).await? {
            return Ok(found);
        }
    }
    let (spelling, code) = short(typed).ok_or(Problem::CODE_INVALID)?;
    let guess = search.guess(spelling, code, state);
    let metrics = state.guess_metrics();
    match state.store().guess(&guess, search.now).await? {
        GuessOutcome::Found(found) => Ok(found),
        GuessOutcome::Wrong => {
            metrics.wrong(spelling);
            Err(Problem::CODE_INVALID)
        }
        GuessOutcome::Spent { retry_at } => {
            metrics.spent(spelling);
            Err(Problem::too_many_attempts(retry_at.unix() - search.now.unix()))
        }
        GuessOutcome::Suspended { retry_at } => {
            metrics.suspended(spelling);
            Err(Problem::too_many_attempts(retry_at.unix() - search.now.unix()))
        }
    }
}

impl Search<'_> {
    /// By what a code is found. The code of a self-report is found by the nonce of its own phone alone: with another it is as unknown as any.
    fn digests(&self, code: &Code) -> Vec<Peppered> {
        let bound = self.nonce.map(|nonce| self.secrets.bound_code_digests(self.authority, code.as_str(), nonce));
        let mut digests = bound.unwrap_or_default();
        digests.extend(self.secrets.code_digests(self.authority, code.as_str()));
        digests
    }

    fn guess(&self, spelling: Spelling, code: &Code, state: &State) -> Guess {
        let guesser = match self.caller {
            Caller::Relay(name) => Guesser::Relay(name.clone()),
            // Under the current secret alone: a rotation forgets who failed, and no attacker can bring one about.
            Caller::Prefix(prefix) => Guesser::Prefix(self.secrets.current().prefix_digest(prefix.as_bytes())),
        };
        Guess {
            authority: self.authority.to_owned(),
            spelling,
            digests: self.digests(code),
            guesser,
            stripe: self.stripe,
            limits: state.budgets().limits(spelling),
        }
    }
}

/// What a text may be if it is a short code: only one of the two, since digits that may be a code of digits are taken for nothing else.
fn short(typed: &Typed) -> Option<(Spelling, &Code)> {
    let digits = typed.digits.as_ref().map(|code| (Spelling::Digits, code));
    digits.or(typed.crockford.as_ref().map(|code| (Spelling::Crockford, code)))
}
