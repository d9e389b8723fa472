//! Authorities, codes and claims to play with.

use proto::{Interval, ReportType, Timestamp};
use store::{
    Certify, Claim, CodeForm, CodeId, CodeStore, CodeStyle, FoundCode, Guess, GuessLimits, GuessOutcome, Guesser,
    Issuer, NewCode, NewForm, Peppered, Spelling, Terms,
};

/// A full hour, so that rounding does not hide what is tested.
pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
/// The life of a short code, in seconds.
pub(crate) const CODE_LIFE: i64 = 900;
/// The life of a token, in seconds.
pub(crate) const TOKEN_LIFE: i64 = 86_400;

/// What is said of the person.
pub(crate) const TERMS: Terms =
    Terms { report_type: ReportType::Likely, symptom: Some(Interval::new(2_999_952)), test: None };

/// How it wants its codes.
pub(crate) const STYLE: CodeStyle =
    CodeStyle { spelling: Spelling::Digits, length: 8, life: CODE_LIFE, long_life: 96 * CODE_LIFE };

/// An authority.
pub(crate) fn issuer(id: &str) -> Issuer {
    Issuer {
        id: id.to_owned(),
        issuer: format!("iss-{id}"),
        audience: "pratique".to_owned(),
        date_required: false,
        codes: STYLE,
        user_reports: false,
        daily_quota: None,
    }
}

/// The database with two authorities, `a` and `b`.
pub(crate) async fn authorities(store: &dyn CodeStore) {
    for id in ["a", "b"] {
        store.create_issuer(&issuer(id), NOW).await.expect("created");
    }
}

/// A digest that is filled with `byte`, under the secret `first`.
pub(crate) fn digest(byte: u8) -> Peppered {
    under("first", byte)
}

/// A digest under another secret.
pub(crate) fn under(pepper: &str, byte: u8) -> Peppered {
    Peppered { pepper: pepper.to_owned(), digest: [byte; 32] }
}

/// A code of authority `a` with one short form; everything about it is filled with `byte`.
pub(crate) fn code(byte: u8) -> NewCode {
    NewCode {
        id: CodeId([byte; 16]),
        authority: "a".to_owned(),
        uuid: [byte; 16],
        request: vec![digest(byte)],
        terms: TERMS,
        forms: vec![form(CodeForm::Short, byte, CODE_LIFE)],
        forget_at: NOW.plus(CODE_LIFE + 86_400),
        quota: None,
    }
}

/// A form that lives for `life` seconds.
pub(crate) fn form(form: CodeForm, byte: u8, life: i64) -> NewForm {
    NewForm { form, digests: vec![digest(byte)], sealed: sealed(byte), expires_at: NOW.plus(life) }
}

/// Something that can be found on a disk.
pub(crate) fn sealed(byte: u8) -> Vec<u8> {
    [b"sealed text ".as_slice(), &[byte; 24]].concat()
}

/// A claim of the code `byte` with a token digest of `token`, bound by a nonce.
pub(crate) fn bound(byte: u8, token: u8, now: Timestamp) -> Claim {
    Claim {
        code: FoundCode { id: CodeId([byte; 16]), digest: digest(byte) },
        token_digest: [token; 32],
        accept: ReportType::ALL.to_vec(),
        repeat_until: None,
        token_expires_at: now.plus(TOKEN_LIFE),
        forget_at: now.plus(2 * TOKEN_LIFE),
        now,
    }
}

/// The same without a nonce, to be repeated for two minutes.
pub(crate) fn unbound(byte: u8, token: u8, now: Timestamp) -> Claim {
    Claim { repeat_until: Some(now.plus(120)), ..bound(byte, token, now) }
}

/// A wish to bind the token of the code `byte` to a commitment.
pub(crate) fn certify(byte: u8, token: u8, commitment: u8, now: Timestamp) -> Certify {
    Certify {
        id: CodeId([byte; 16]),
        token_digest: [token; 32],
        authority: "a".to_owned(),
        commitment_digest: [commitment; 32],
        limit: 2,
        now,
    }
}

/// Looks a short code up as somebody does who never fails too often.
pub(crate) async fn look_up(store: &dyn CodeStore, authority: &str, digests: &[Peppered]) -> Option<FoundCode> {
    let guess = Guess {
        authority: authority.to_owned(),
        spelling: Spelling::Digits,
        digests: digests.to_vec(),
        guesser: Guesser::Relay("patient".to_owned()),
        stripe: 0,
        limits: GuessLimits { prefix: 1_000, authority: 1_000, all: 1_000, relay: 1_000 },
    };
    match store.guess(&guess, NOW).await.expect("looked up") {
        GuessOutcome::Found(found) => Some(found),
        GuessOutcome::Wrong => None,
        GuessOutcome::Spent { .. } | GuessOutcome::Suspended { .. } => panic!("not before a thousand failures"),
    }
}
