//! Turning a code into a token.

use proto::ReportType;
use proto::api::base64;
use proto::api::verification::VerifyRequest;
use rand::CryptoRng;
use service::Caller;
use store::{Claim, ClaimOutcome, Issuer, Terms};
use zeroize::Zeroizing;

use crate::budget::draw_stripe;
use crate::code::Typed;
use crate::guessing::{Search, look_up};
use crate::policy::{MEMORY, TOKEN_LIFE, UNBOUND_REPEATS};
use crate::problem::Problem;
use crate::state::State;
use crate::token::Token;

/// A nonce is at least this long, in bytes: nobody else's phone may draw the same.
const MIN_NONCE: usize = 16;
/// And at most this long, in bytes; self-reports have 256.
const MAX_NONCE: usize = 512;

/// What an app wants to exchange a code for.
pub(crate) struct Wish {
    code: Typed,
    accept: Vec<ReportType>,
    nonce: Option<Zeroizing<Vec<u8>>>,
}

impl Wish {
    /// Reads a request. What can be no code is refused like an unknown one.
    pub(crate) fn parse(request: &VerifyRequest) -> Result<Self, Problem> {
        let accept = parse_accept(&request.accept)?;
        let nonce = parse_nonce(&request.nonce)?;
        let code = Typed::parse(&request.code).ok_or(Problem::CODE_INVALID)?;
        Ok(Self { code, accept, nonce })
    }
}

/// Claims the code. A repeat is answered with the same token, as the retry rules have it; the store decides who came first.
pub(crate) async fn claim(
    state: &State,
    issuer: &Issuer,
    wish: &Wish,
    caller: &Caller,
    rng: &mut impl CryptoRng,
) -> Result<(Terms, Token), Problem> {
    let (now, secrets) = (state.now(), state.secrets());
    let nonce = wish.nonce.as_ref().map(|nonce| nonce.as_slice());
    let search = Search { authority: &issuer.id, nonce, caller, secrets: &secrets, stripe: draw_stripe(rng), now };
    let found = look_up(state, &search, &wish.code).await?;
    // The secret of the row, current or not, so that a phone that asks again after a rotation gets the same token.
    let secret = secrets.get(&found.digest.pepper).ok_or(Problem::INTERNAL)?;
    let token = Token::derive(secret, found.id, nonce);
    let claim = Claim {
        code: found,
        token_digest: token.digest(),
        accept: wish.accept.clone(),
        repeat_until: nonce.is_none().then(|| now.plus(UNBOUND_REPEATS)),
        token_expires_at: now.plus(TOKEN_LIFE),
        forget_at: now.plus(TOKEN_LIFE + MEMORY),
        now,
    };
    match state.store().claim(&claim).await? {
        ClaimOutcome::Claimed(terms) => Ok((terms, token)),
        ClaimOutcome::Unknown | ClaimOutcome::Used => Err(Problem::CODE_INVALID),
        ClaimOutcome::Expired => Err(Problem::CODE_EXPIRED),
        ClaimOutcome::Unsupported => Err(Problem::NOT_ACCEPTED),
    }
}

/// Who accepts a type accepts the more certain ones too: confirmed, then likely, then negative. A user-report stands outside of this order.
/// Who names none accepts all.
fn parse_accept(names: &[String]) -> Result<Vec<ReportType>, Problem> {
    const ORDER: [ReportType; 3] = [ReportType::Confirmed, ReportType::Likely, ReportType::Negative];
    if names.is_empty() {
        return Ok(ReportType::ALL.to_vec());
    }
    let mut level = 0;
    let mut accept = Vec::new();
    for name in names {
        let named: ReportType = name.trim().to_ascii_lowercase().parse().map_err(|_| Problem::INVALID_ACCEPT)?;
        match ORDER.iter().position(|&report_type| report_type == named) {
            Some(position) => level = level.max(position + 1),
            None if accept.is_empty() => accept.push(named),
            None => {}
        }
    }
    accept.extend(&ORDER[..level]);
    Ok(accept)
}

fn parse_nonce(text: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let nonce = Zeroizing::new(base64::decode("nonce", text)?);
    match nonce.len() {
        MIN_NONCE..=MAX_NONCE => Ok(Some(nonce)),
        _ => Err(Problem::unparsable("nonce", "must be 16 to 512 bytes in base64")),
    }
}

#[cfg(test)]
mod tests {
    use proto::ReportType::{Confirmed, Likely, Negative, UserReport};

    use super::*;

    fn accept(names: &[&str]) -> Vec<ReportType> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        parse_accept(&names).expect("known names")
    }

    #[test]
    fn who_accepts_a_type_accepts_the_more_certain_ones() {
        assert_eq!(accept(&["confirmed"]), [Confirmed]);
        assert_eq!(accept(&["likely"]), [Confirmed, Likely]);
        assert_eq!(accept(&["negative", "Confirmed"]), [Confirmed, Likely, Negative]);
        assert_eq!(accept(&["user-report", "likely", "user-report"]), [UserReport, Confirmed, Likely]);
        assert_eq!(accept(&["user-report"]), [UserReport]);
        assert_eq!(accept(&[]), ReportType::ALL);
    }

    #[test]
    fn a_nonce_is_16_bytes_or_more_or_none() {
        assert!(parse_nonce("").expect("none").is_none());
        assert!(parse_nonce(&base64::encode(&[1; 16])).expect("a nonce").is_some());
        for bad in [base64::encode(&[1; 15]), base64::encode(&[1; 513]), "%%%".to_owned()] {
            assert!(parse_nonce(&bad).is_err());
        }
    }
}
