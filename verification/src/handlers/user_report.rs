//! `POST /api/user-report`, for apps (DEVICE): a code for the phone's owner, who says something of themselves; it comes by text message.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use proto::api::verification::{UserReportReply, UserReportRequest};

use crate::dates;
use crate::issuing;
use crate::problem::Problem;
use crate::report;
use crate::request::{Call, Device};
use crate::state::State;

/// Sends a code to the phone that asks. The same request gets the same code while it can be claimed; another one of the same number waits
/// until then.
pub(crate) async fn user_report(
    state: Data<State>,
    request: HttpRequest,
    call: Call<Device, UserReportRequest>,
) -> Result<HttpResponse, Problem> {
    let (now, mut rng) = (state.now(), store::chance::source());
    let mut order = report::parse(call.body, &call.issuer, state.couriers(), now, &mut rng)?;
    let caller = state.edge().caller(&request);
    order.wish = order.wish.map(|wish| wish.called_by(&caller));
    let issued = issuing::fulfil(&state, &call.issuer, &order, now, &mut rng).await?;
    let expires_at = issued.short.expires_at;
    Ok(service::padded(
        StatusCode::OK,
        UserReportReply {
            expires_at: dates::rfc1123(expires_at),
            expires_at_timestamp: expires_at.unix(),
            ..UserReportReply::default()
        },
    ))
}

#[cfg(test)]
mod tests {
    use proto::api::base64;
    use serde_json::{Value, json};

    use crate::admin::{self, AuthorityChange};
    use crate::dates;
    use crate::handlers::fixture_test::{Answer, Desk};

    const PHONE: &str = "+4791234567";

    fn nonce(byte: u8) -> String {
        base64::encode(&[byte; 256])
    }

    async fn report(desk: &Desk, body: &Value) -> Answer {
        desk.post("/api/user-report", &desk.device, body).await
    }

    /// Has the authority take self-reports, and wants a date or not.
    async fn change(desk: &Desk, date_required: bool) {
        let change = AuthorityChange {
            user_reports: Some(true),
            date_required: Some(date_required),
            ..AuthorityChange::default()
        };
        admin::update_authority(&desk.state, "no", change).await.expect("changed");
    }

    fn day(desk: &Desk, ago: i64) -> String {
        dates::day_text(proto::Interval::containing(desk.state.now().plus(-86_400 * ago)))
    }

    #[actix_web::test]
    async fn an_authority_takes_no_self_reports_unless_it_says_so() {
        let desk = Desk::open().await;
        for body in [json!({ "phone": PHONE, "nonce": nonce(1) }), json!({})] {
            assert_eq!(report(&desk, &body).await.refusal(), (400, "unsupported_test_type"));
        }
        for key in [&desk.admin, ""] {
            let answer = desk.post("/api/user-report", key, &json!({})).await;
            assert_eq!(answer.refusal(), (401, "unauthorized"));
        }
        assert!(desk.is_empty().await);
    }

    #[actix_web::test]
    async fn what_is_wrong_is_named_and_leaves_nothing() {
        let desk = Desk::open().await;
        change(&desk, false).await;
        let (tomorrow, old) = (day(&desk, -2), day(&desk, 30));
        let [short, long] = [255, 257].map(|length| base64::encode(&vec![1; length]));
        let cases: Vec<(Value, &str, &str)> = vec![
            (json!({}), "missing_nonce", "nonce"),
            (json!({ "phone": PHONE }), "missing_nonce", "nonce"),
            (json!({ "phone": PHONE, "nonce": null }), "missing_nonce", "nonce"),
            (json!({ "phone": PHONE, "nonce": "%%%" }), "unparsable_request", "nonce"),
            (json!({ "phone": PHONE, "nonce": short }), "unparsable_request", "nonce"),
            (json!({ "phone": PHONE, "nonce": long }), "unparsable_request", "nonce"),
            (json!({ "nonce": nonce(1) }), "missing_phone", "phone"),
            (json!({ "nonce": nonce(1), "phone": null }), "missing_phone", "phone"),
            (json!({ "nonce": nonce(1), "phone": PHONE, "symptomDate": tomorrow }), "invalid_date", "symptomDate"),
            (json!({ "nonce": nonce(1), "phone": PHONE, "testDate": old }), "invalid_date", "testDate"),
            (json!({ "nonce": nonce(1), "phone": PHONE, "testDate": "yesterday" }), "invalid_date", "testDate"),
            (json!({ "nonce": nonce(1), "phone": 4791234567_i64 }), "unparsable_request", "phone"),
            (json!({ "nonce": nonce(1), "phone": PHONE, "code": "red" }), "unparsable_request", "body"),
            (json!({ "nonce": nonce(1), "phone": PHONE, "testType": "likely" }), "unparsable_request", "body"),
            (json!([]), "unparsable_request", "body"),
            (json!({ "nonce": nonce(1), "phone": PHONE }), "sms_failure", "phone"),
        ];
        for (request, code, field) in cases {
            let answer = report(&desk, &request).await;
            assert_eq!(answer.refusal(), (400, code), "{request}");
            assert!(answer.text("error").contains(field), "{request}: {}", answer.text("error"));
            for said in ["yesterday", "4791234567", "%%%", "AQEB", "red"] {
                assert!(!answer.text("error").contains(said), "{request}");
            }
        }
        assert!(desk.is_empty().await);
    }

    #[actix_web::test]
    async fn a_date_is_wanted_where_the_authority_wants_one() {
        let desk = Desk::open().await;
        change(&desk, true).await;
        let undated = json!({ "phone": PHONE, "nonce": nonce(1) });
        assert_eq!(report(&desk, &undated).await.refusal(), (400, "missing_date"));
        assert!(desk.is_empty().await);
    }
}
