//! Issuing a code: draw, digest, seal, store; draw again if somebody else has it.

use proto::Timestamp;
use proto::api::verification::IssueRequest;
use rand::CryptoRng;
use store::{
    CodeForm, CodeId, IssueOutcome, Issuer, NewCode, NewForm, NewSelfReport, SelfReportOutcome, SelfReportStanding,
    Spelling, StandingCode,
};

use crate::alarm;
use crate::code::{self, Code};
use crate::code_spec;
use crate::issued::{Issued, Text};
use crate::order::Order;
use crate::policy::{DRAWS, MEMORY};
use crate::problem::Problem;
use crate::secret::PhonePurpose;
use crate::secrets::Secrets;
use crate::sending::Errand;
use crate::state::State;
use crate::uuid::Uuid;

/// Issues a code as an authority asks for it, or answers a repeated request with the code that it got before.
pub(crate) async fn issue(
    state: &State,
    issuer: &Issuer,
    request: IssueRequest,
    rng: &mut impl CryptoRng,
) -> Result<Issued, Problem> {
    let now = state.now();
    let order = Order::parse(request, issuer, state.couriers(), now, rng)?;
    fulfil(state, issuer, &order, now, rng).await
}

/// Issues a code for an order that holds, and sends it if that is part of the order.
pub(crate) async fn fulfil(
    state: &State,
    issuer: &Issuer,
    order: &Order,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<Issued, Problem> {
    let Some(wish) = &order.wish else { return store(state, issuer, order, now, rng).await };
    let errand = Errand::begin(state, issuer, wish, name(state, issuer, order, now).await?, now).await?;
    match store(state, issuer, order, now, rng).await {
        Ok(mut issued) => {
            issued.sent = Some(errand.run(&issued).await?);
            Ok(issued)
        }
        Err(problem) => {
            errand.abandon().await;
            Err(problem)
        }
    }
}

/// Under which uuid the order is fulfilled, or was before. A phone that asks for itself while it waits for another code hears so before its
/// message is counted.
async fn name(state: &State, issuer: &Issuer, order: &Order, now: Timestamp) -> Result<Uuid, Problem> {
    let Some(wish) = order.of_the_phone_itself() else { return Ok(order.uuid) };
    let secrets = state.secrets();
    let phone = secrets.phone_digests(PhonePurpose::Report, &issuer.id, &wish.to);
    match state.store().self_report_standing(&phone, &secrets.request_digests(&order.text), now).await? {
        SelfReportStanding::Free => Ok(order.uuid),
        SelfReportStanding::Repeated(uuid) => Ok(Uuid(uuid)),
        SelfReportStanding::Busy => Err(Problem::TRY_LATER),
    }
}

/// Draws until nobody else has what was drawn, or finds the code that was issued before.
async fn store(
    state: &State,
    issuer: &Issuer,
    order: &Order,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<Issued, Problem> {
    let (secrets, issuer) = (state.secrets(), &unguessed(state, issuer).await?);
    for _ in 0..DRAWS {
        let (issued, row) = draw(&secrets, issuer, order, now, rng);
        match put(state, &secrets, order, row, now).await? {
            IssueOutcome::Issued => return Ok(issued),
            IssueOutcome::Repeated(standing) => return reopen(&secrets, &issuer.id, &standing),
            IssueOutcome::UuidTaken => return Err(Problem::UUID_EXISTS),
            IssueOutcome::QuotaExceeded => return Err(Problem::quota_exceeded(now)),
            IssueOutcome::Collision => {}
        }
    }
    Err(Problem::internal("every drawn code was taken: far too many codes are out"))
}

/// The authority with the style of codes that it has now: its own, unless its digits are being guessed.
pub(crate) async fn unguessed(state: &State, issuer: &Issuer) -> Result<Issuer, Problem> {
    let mut issuer = issuer.clone();
    if issuer.codes.spelling == Spelling::Digits && alarm::is_up(state, &issuer.id).await? {
        issuer.codes = code_spec::beyond_guessing(&issuer.codes);
    }
    Ok(issuer)
}

/// Stores what was drawn, unless something stands in the way; for a phone that asks for itself, its number may.
async fn put(
    state: &State,
    secrets: &Secrets,
    order: &Order,
    row: NewCode,
    now: Timestamp,
) -> Result<IssueOutcome, Problem> {
    let Some(wish) = order.of_the_phone_itself() else { return Ok(state.store().issue(&row, now).await?) };
    let phone = secrets.phone_digests(PhonePurpose::Report, &row.authority, &wish.to);
    match state.store().self_report(&NewSelfReport { code: row, phone }, now).await? {
        SelfReportOutcome::Issued => Ok(IssueOutcome::Issued),
        SelfReportOutcome::Repeated(standing) => Ok(IssueOutcome::Repeated(standing)),
        SelfReportOutcome::Collision => Ok(IssueOutcome::Collision),
        SelfReportOutcome::QuotaExceeded => Ok(IssueOutcome::QuotaExceeded),
        SelfReportOutcome::Busy => Err(Problem::TRY_LATER),
    }
}

/// A code in both forms, and its row.
fn draw(
    secrets: &Secrets,
    issuer: &Issuer,
    order: &Order,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> (Issued, NewCode) {
    let mut id = CodeId([0; 16]);
    rng.fill_bytes(&mut id.0);
    let style = &order.style(issuer);
    let short = Text { code: code::draw_short(style, rng), expires_at: now.plus(style.life) };
    let long = Text { code: code::draw_long(rng), expires_at: now.plus(style.long_life) };
    let mut form = |form, text: &Text| NewForm {
        form,
        // Nobody else may have it under any live secret, or one of the two could never be claimed.
        digests: match &order.nonce {
            None => secrets.code_digests(&issuer.id, text.code.as_str()),
            Some(nonce) => secrets.bound_code_digests(&issuer.id, text.code.as_str(), nonce),
        },
        sealed: secrets.current().seal(id, text.code.as_str(), rng),
        expires_at: text.expires_at,
    };
    let row = NewCode {
        id,
        authority: issuer.id.clone(),
        uuid: order.uuid.0,
        request: secrets.request_digests(&order.text),
        terms: order.terms,
        forms: vec![form(CodeForm::Short, &short), form(CodeForm::Long, &long)],
        forget_at: short.expires_at.max(long.expires_at).plus(MEMORY),
        quota: issuer.daily_quota,
    };
    let message_id = secrets.current().message_id(&issuer.id, order.uuid.0);
    (Issued { uuid: order.uuid, message_id, short, long: Some(long), sent: None }, row)
}

/// The code that was issued before and still waits. Once its short form has expired, there is nothing to tell the person on the telephone.
fn reopen(secrets: &Secrets, authority: &str, standing: &StandingCode) -> Result<Issued, Problem> {
    let secret = secrets.get(&standing.pepper);
    let open = |wanted| {
        let form = standing.forms.iter().find(|form| form.form == wanted)?;
        let text = secret.and_then(|secret| secret.open(standing.id, &form.sealed));
        let sealed_by_another = || Problem::internal("a stored code does not open: was its row or the secret changed?");
        Some(
            text.map(|text| Text { code: Code::from_row(text), expires_at: form.expires_at })
                .ok_or_else(sealed_by_another),
        )
    };
    let short = open(CodeForm::Short).ok_or(Problem::UUID_EXISTS)??;
    // Under the secret of the row, as at the first attempt: a rotation must not make it another message.
    let message_id = secret.ok_or(Problem::INTERNAL)?.message_id(authority, standing.uuid);
    Ok(Issued { uuid: Uuid(standing.uuid), message_id, short, long: open(CodeForm::Long).transpose()?, sent: None })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::handlers::fixture_test::Desk;

    #[actix_web::test]
    async fn no_two_codes_are_the_same_under_any_live_secret() {
        let desk = Desk::open().await;
        let issuer = desk.state.store().issuer("no", desk.state.now()).await.expect("found").expect("an authority");
        let request = IssueRequest { test_type: "likely".to_owned(), ..IssueRequest::default() };
        let mut codes = Vec::new();
        for uuid in ["0f8fad5b-d9cb-469f-a165-70867728950e", "1f8fad5b-d9cb-469f-a165-70867728950e"] {
            let request = IssueRequest { uuid: uuid.to_owned(), ..request.clone() };
            // The same chance each time: what is drawn first was drawn before.
            let mut rng = StdRng::seed_from_u64(7);
            let issued = issue(&desk.state, &issuer, request, &mut rng).await.expect("issued");
            codes.push((issued.short.code, issued.long.expect("a long code").code));
            // Under the new secret nothing was stored, and under the old one it counts all the same.
            assert_eq!(desk.rotate().await, 2 + codes.len() - 1);
        }
        assert!(codes[0].0 != codes[1].0 && codes[0].1 != codes[1].1);
    }

    #[actix_web::test]
    async fn chance_that_repeats_itself_issues_nothing_twice() {
        let desk = Desk::open().await;
        let issuer = desk.state.store().issuer("no", desk.state.now()).await.expect("found").expect("an authority");
        let request = IssueRequest { test_type: "likely".to_owned(), ..IssueRequest::default() };
        let mut stuck = Stuck;
        assert!(issue(&desk.state, &issuer, request.clone(), &mut stuck).await.is_ok());
        // Another uuid, and the same draws for ever.
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e".to_owned();
        let refused = issue(&desk.state, &issuer, IssueRequest { uuid, ..request }, &mut stuck).await;
        assert!(refused.err() == Some(Problem::internal("every drawn code was taken: far too many codes are out")));
    }

    /// A source of randomness that has none.
    struct Stuck;

    impl rand::rand_core::TryRng for Stuck {
        type Error = std::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(7)
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(7)
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(7);
            Ok(())
        }
    }

    impl rand::rand_core::TryCryptoRng for Stuck {}
}
