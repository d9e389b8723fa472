//! `POST /api/verify`, for apps (DEVICE): a code becomes a token.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use proto::api::verification::{VerifyReply, VerifyRequest};

use crate::claiming::{self, Wish};
use crate::dates;
use crate::problem::Problem;
use crate::request::{Call, Device};
use crate::state::State;

/// Claims a code, once; a phone whose reply was lost may ask again.
pub(crate) async fn verify(
    state: Data<State>,
    request: HttpRequest,
    call: Call<Device, VerifyRequest>,
) -> Result<HttpResponse, Problem> {
    let wish = Wish::parse(&call.body)?;
    let caller = state.edge().caller(&request);
    let mut rng = store::chance::source();
    let (terms, token) = claiming::claim(&state, &call.issuer, &wish, &caller, &mut rng).await?;
    Ok(service::padded(
        StatusCode::OK,
        VerifyReply {
            testtype: terms.report_type.to_string(),
            symptom_date: terms.symptom.map(dates::day_text).unwrap_or_default(),
            test_date: terms.test.map(dates::day_text).unwrap_or_default(),
            token: token.to_text(),
            ..VerifyReply::default()
        },
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use store::Spelling;

    use super::*;
    use crate::admin::CodeSpec;
    use crate::handlers::fixture_test::{COMMITMENT, Desk, NONCE, authority};

    const CROCKFORD: CodeSpec =
        CodeSpec { form: Some(Spelling::Crockford), length: None, minutes: None, long_hours: None };

    const OTHER_NONCE: &str = "AQECAwQFBgcICQoLDA0ODw==";

    #[actix_web::test]
    async fn a_code_becomes_a_token_with_what_was_said() {
        let desk = Desk::open().await;
        let today = dates::day_text(proto::Interval::containing(desk.state.now()));
        let order = json!({ "testType": "negative", "symptomDate": today, "testDate": today });
        let code = desk.issue(&order).await.text("code").to_owned();
        let answer = desk.verify(&json!({ "code": code, "padding": "AA" })).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text("testtype"), "negative");
        assert_eq!((answer.text("symptomDate"), answer.text("testDate")), (today.as_str(), today.as_str()));
        assert_eq!(answer.text("token").len(), 64);
    }

    #[actix_web::test]
    async fn a_lost_reply_does_not_burn_a_code_with_a_nonce() {
        let desk = Desk::open().await;
        let code = desk.code().await;
        let request = json!({ "code": code, "nonce": NONCE });
        let token = desk.verify(&request).await.text("token").to_owned();
        let url_safe = json!({ "code": code, "nonce": NONCE.trim_end_matches('=') });
        for later in [0, 121, 900, 86_399] {
            desk.clock.set_offset(later);
            assert_eq!(desk.verify(&request).await.text("token"), token, "after {later} s");
            assert_eq!(desk.verify(&url_safe).await.text("token"), token, "after {later} s");
        }
        desk.certificate(&token, COMMITMENT).await;
        assert_eq!(desk.verify(&request).await.text("token"), token);
        // A token lives for a day, rounded up to the hour.
        desk.clock.set_offset(90_000);
        assert_eq!(desk.verify(&request).await.refusal(), (400, "code_invalid"));
    }

    #[actix_web::test]
    async fn a_lost_reply_does_not_burn_a_code_without_a_nonce() {
        let desk = Desk::open().await;
        let request = json!({ "code": desk.code().await });
        let token = desk.verify(&request).await.text("token").to_owned();
        desk.clock.set_offset(110);
        assert_eq!(desk.verify(&request).await.text("token"), token);
        desk.clock.set_offset(121);
        assert_eq!(desk.verify(&request).await.refusal(), (400, "code_invalid"));
        assert_eq!(desk.certificate(&token, COMMITMENT).await.status, 200);
    }

    #[actix_web::test]
    async fn a_code_without_a_nonce_is_used_once_a_certificate_exists() {
        let desk = Desk::open().await;
        let request = json!({ "code": desk.code().await });
        let token = desk.verify(&request).await.text("token").to_owned();
        assert_eq!(desk.certificate(&token, COMMITMENT).await.status, 200);
        assert_eq!(desk.verify(&request).await.refusal(), (400, "code_invalid"));
    }

    #[actix_web::test]
    async fn a_used_code_is_nobody_elses() {
        let desk = Desk::open().await;
        let (bound, unbound) = (desk.code().await, desk.code().await);
        assert_eq!(desk.verify(&json!({ "code": bound, "nonce": NONCE })).await.status, 200);
        assert_eq!(desk.verify(&json!({ "code": unbound })).await.status, 200);
        for other in [
            json!({ "code": bound, "nonce": OTHER_NONCE }),
            json!({ "code": bound }),
            json!({ "code": unbound, "nonce": NONCE }),
        ] {
            assert_eq!(desk.verify(&other).await.refusal(), (400, "code_invalid"));
        }
    }

    #[actix_web::test]
    async fn a_type_that_the_app_does_not_accept_leaves_the_code() {
        let desk = Desk::open().await;
        let code = desk.issue(&json!({ "testType": "negative" })).await.text("code").to_owned();
        for accept in [json!(["confirmed"]), json!(["likely"]), json!(["user-report"])] {
            let answer = desk.verify(&json!({ "code": code, "accept": accept })).await;
            assert_eq!(answer.refusal(), (412, "unsupported_test_type"));
        }
        let unknown = desk.verify(&json!({ "code": code, "accept": ["positive"] })).await;
        assert_eq!(unknown.refusal(), (400, "invalid_test_type"));
        assert_eq!(desk.verify(&json!({ "code": code, "accept": ["negative"] })).await.status, 200);
    }

    #[actix_web::test]
    async fn who_accepts_negative_accepts_confirmed() {
        let desk = Desk::open().await;
        let code = desk.code().await;
        assert_eq!(desk.verify(&json!({ "code": code, "accept": ["negative"] })).await.status, 200);
    }

    #[actix_web::test]
    async fn a_code_is_read_forgivingly() {
        let desk = Desk::open().await;
        let code = desk.code().await;
        let typed = format!(" {} - {}\n", &code[..4], &code[4..]);
        assert_eq!(desk.verify(&json!({ "code": typed })).await.status, 200);
    }

    #[actix_web::test]
    async fn an_expired_code_says_so() {
        let desk = Desk::open().await;
        let code = desk.code().await;
        desk.clock.set_offset(900);
        assert_eq!(desk.verify(&json!({ "code": code })).await.refusal(), (400, "code_expired"));
    }

    #[actix_web::test]
    async fn what_is_no_code_is_refused_like_an_unknown_one() {
        let desk = Desk::open().await;
        let code = desk.code().await;
        let unknown = if code == "12345678" { "12345679" } else { "12345678" };
        let unknown = desk.verify(&json!({ "code": unknown })).await;
        assert_eq!(unknown.refusal(), (400, "code_invalid"));
        let long = "1".repeat(50_000);
        for text in ["", "1234", "hello", "abcdefghijklmnop", long.as_str()] {
            let answer = desk.verify(&json!({ "code": text })).await;
            assert_eq!((answer.refusal(), &answer.body), (unknown.refusal(), &unknown.body), "{text}");
        }
    }

    #[actix_web::test]
    async fn a_code_belongs_to_the_app_of_its_authority() {
        let desk = Desk::open().await;
        let (_, device) = authority(&desk.state, "se", false).await;
        let request = json!({ "code": desk.code().await });
        assert_eq!(desk.post("/api/verify", &device, &request).await.refusal(), (400, "code_invalid"));
        assert_eq!(desk.post("/api/verify", &desk.admin, &request).await.refusal(), (401, "unauthorized"));
        assert_eq!(desk.verify(&request).await.status, 200);
    }

    #[actix_web::test]
    async fn a_bad_nonce_is_named_and_leaves_the_code() {
        let desk = Desk::open().await;
        let code = desk.code().await;
        for nonce in ["AAECAwQFBgcICQoLDA0O", "no base64!", &"A".repeat(2_000)] {
            let answer = desk.verify(&json!({ "code": code, "nonce": nonce })).await;
            assert_eq!(answer.refusal(), (400, "unparsable_request"));
            assert!(answer.text("error").starts_with("nonce:"));
        }
        assert_eq!(desk.verify(&json!({ "code": code, "nonce": NONCE })).await.status, 200);
    }

    #[actix_web::test]
    async fn the_long_form_claims_a_code_after_the_short_one_has_expired() {
        let desk = Desk::open().await;
        let (short, long) = desk.both_forms().await;
        desk.clock.set_offset(900);
        assert_eq!(desk.verify(&json!({ "code": short, "nonce": NONCE })).await.refusal(), (400, "code_expired"));
        let token = desk.verify(&json!({ "code": long, "nonce": NONCE })).await.text("token").to_owned();
        assert_eq!(desk.certificate(&token, COMMITMENT).await.status, 200);
        let (_, late) = desk.both_forms().await;
        desk.clock.set_offset(900 + 86_400);
        assert_eq!(desk.verify(&json!({ "code": late })).await.refusal(), (400, "code_expired"));
    }

    #[actix_web::test]
    async fn a_code_is_one_code_in_both_forms() {
        let desk = Desk::open().await;
        let (short, long) = desk.both_forms().await;
        let token = desk.verify(&json!({ "code": short, "nonce": NONCE })).await.text("token").to_owned();
        assert_eq!(desk.verify(&json!({ "code": long, "nonce": NONCE })).await.text("token"), token);
        for code in [short, long] {
            let other = desk.verify(&json!({ "code": code, "nonce": OTHER_NONCE })).await;
            assert_eq!(other.refusal(), (400, "code_invalid"));
        }
    }

    #[actix_web::test]
    async fn a_crockford_code_is_read_forgivingly() {
        let desk = Desk::open().await;
        desk.change_codes(CROCKFORD).await;
        // Until one has digits that look like letters.
        let code = loop {
            let code = desk.code().await;
            if code.contains('0') && code.contains('1') {
                break code;
            }
        };
        assert_eq!(code.len(), 11);
        let grouped = format!(" {}-{} {}\n", &code[..4], &code[4..8], &code[8..]);
        let typed = [
            code.to_lowercase(),
            grouped,
            code.replace('0', "O").replace('1', "I"),
            code.replace('0', "o").replace('1', "l"),
        ];
        let token = desk.verify(&json!({ "code": code, "nonce": NONCE })).await.text("token").to_owned();
        for typed in typed {
            assert_eq!(desk.verify(&json!({ "code": typed, "nonce": NONCE })).await.text("token"), token, "{typed}");
        }
    }

    #[actix_web::test]
    async fn a_slip_in_a_crockford_code_leaves_it() {
        let desk = Desk::open().await;
        desk.change_codes(CROCKFORD).await;
        let code = desk.code().await;
        let slip = format!("{}{}", if code.starts_with('7') { '8' } else { '7' }, &code[1..]);
        assert_eq!(desk.verify(&json!({ "code": slip })).await.refusal(), (400, "code_invalid"));
        desk.clock.set_offset(86_390);
        assert_eq!(desk.verify(&json!({ "code": code })).await.status, 200, "and it lives for a day");
    }

    #[actix_web::test]
    async fn codes_that_are_out_keep_their_form_when_the_authority_changes_it() {
        let desk = Desk::open().await;
        let digits = desk.code().await;
        desk.change_codes(CodeSpec { length: Some(12), ..CROCKFORD }).await;
        let crockford = desk.code().await;
        assert_eq!(crockford.len(), 13);
        desk.change_codes(CodeSpec { form: Some(Spelling::Digits), length: Some(10), ..CodeSpec::default() }).await;
        let longer = desk.code().await;
        assert_eq!(longer.len(), 10);
        for code in [digits, crockford, longer] {
            assert_eq!(desk.verify(&json!({ "code": code })).await.status, 200);
        }
    }

    #[actix_web::test]
    async fn codes_and_tokens_outlive_the_rotation_of_their_secret() {
        let desk = Desk::open().await;
        let order = json!({ "testType": "confirmed", "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e" });
        let waiting = desk.issue(&order).await.text("code").to_owned();
        let claim = json!({ "code": desk.code().await, "nonce": NONCE });
        let token = desk.verify(&claim).await.text("token").to_owned();
        // From the second time on there is one that was current until now although nothing was written under it.
        assert_eq!([desk.rotate().await, desk.rotate().await, desk.rotate().await], [2, 3, 3]);
        assert_eq!(desk.issue(&order).await.text("code"), waiting, "the same request still gets the same code");
        assert_eq!(desk.verify(&claim).await.text("token"), token, "the same phone still gets the same token");
        assert_eq!(desk.certificate(&token, COMMITMENT).await.status, 200);
        assert_eq!(desk.verify(&json!({ "code": waiting })).await.status, 200);
    }

    #[actix_web::test]
    async fn a_secret_is_dropped_once_nothing_needs_it() {
        let desk = Desk::open().await;
        let code = desk.code().await;
        assert_eq!(desk.rotate().await, 2);
        assert_eq!(desk.verify(&json!({ "code": code })).await.status, 200);
        desk.clock.set_offset(4 * 86_400);
        while desk.state.store().purge(desk.state.now(), 100).await.expect("purged") > 0 {}
        assert_eq!(desk.rotate().await, 2, "the one that was current until now is kept all the same");
    }
}
