//! `POST /api/issue`, for the authority's staff and tools (ADMIN): a code for a person.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use proto::api::verification::{IssueReply, IssueRequest};

use crate::issuing;
use crate::problem::Problem;
use crate::request::{Admin, Call};
use crate::state::State;

/// Issues a code. The same request under the same uuid gets the same code while it is unclaimed.
pub(crate) async fn issue(state: Data<State>, call: Call<Admin, IssueRequest>) -> Result<HttpResponse, Problem> {
    let issued = issuing::issue(&state, &call.issuer, call.body, &mut store::chance::source()).await?;
    Ok(service::padded(StatusCode::OK, IssueReply::from(issued)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::admin::{self, AuthorityChange};
    use crate::dates;
    use crate::handlers::fixture_test::{Desk, authority};

    const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    fn day(desk: &Desk, ago: i64) -> String {
        dates::day_text(proto::Interval::containing(desk.state.now().plus(-86_400 * ago)))
    }

    #[actix_web::test]
    async fn an_issued_code_has_eight_digits_and_a_quarter_of_an_hour() {
        let desk = Desk::open().await;
        let before = desk.state.now().unix();
        let answer = desk.issue(&json!({ "testType": "confirmed" })).await;
        assert_eq!(answer.status, 200);
        let code = answer.text("code");
        assert!(code.len() == 8 && code.bytes().all(|digit| digit.is_ascii_digit()));
        assert_eq!(answer.text("uuid").len(), 36);
        let expires_at = answer.body["expiresAtTimestamp"].as_i64().expect("seconds");
        assert!((before + 900..before + 960).contains(&expires_at));
        assert_eq!(answer.text("expiresAt"), dates::rfc1123(proto::Timestamp::from_unix(expires_at)));
        let long = answer.body["longExpiresAtTimestamp"].as_i64().expect("seconds");
        assert_eq!(long - expires_at, 86_400 - 900, "the long code lives for a day");
        assert_eq!(answer.text("longExpiresAt"), dates::rfc1123(proto::Timestamp::from_unix(long)));
        assert!(answer.body.get("generatedSMS").is_none());
    }

    #[actix_web::test]
    async fn the_same_request_with_the_same_uuid_gets_the_same_code() {
        let desk = Desk::open().await;
        let request = json!({ "testType": "likely", "symptomDate": day(&desk, 3), "uuid": UUID });
        let first = desk.issue(&request).await;
        assert_eq!(first.text("uuid"), UUID);
        desk.clock.set_offset(600);
        let mut padded = request.clone();
        padded["padding"] = json!("AAAA");
        for repeat in [&request, &padded] {
            let again = desk.issue(repeat).await;
            assert_eq!(again.body["code"], first.body["code"]);
            assert_eq!(again.body["expiresAtTimestamp"], first.body["expiresAtTimestamp"]);
        }
        assert_ne!(desk.issue(&json!({ "testType": "likely" })).await.body["code"], first.body["code"]);
    }

    #[actix_web::test]
    async fn a_uuid_is_not_used_for_another_request_nor_after_claim_or_expiry() {
        let desk = Desk::open().await;
        let request = json!({ "testType": "likely", "uuid": UUID });
        let code = desk.issue(&request).await.text("code").to_owned();
        let other = json!({ "testType": "confirmed", "uuid": UUID });
        assert_eq!(desk.issue(&other).await.refusal(), (409, "uuid_already_exists"));
        assert_eq!(desk.verify(&json!({ "code": code })).await.status, 200);
        assert_eq!(desk.issue(&request).await.refusal(), (409, "uuid_already_exists"));

        let late = json!({ "testType": "likely", "uuid": UUID.replace('0', "1") });
        assert_eq!(desk.issue(&late).await.status, 200);
        desk.clock.set_offset(900);
        assert_eq!(desk.issue(&late).await.refusal(), (409, "uuid_already_exists"));
    }

    #[actix_web::test]
    async fn what_is_wrong_is_named_and_leaves_nothing() {
        let desk = Desk::open().await;
        let (tomorrow, old) = (day(&desk, -2), day(&desk, 30));
        let long = "x".repeat(256);
        let cases: Vec<(Value, &str, &str)> = vec![
            (json!({}), "invalid_test_type", "testType"),
            (json!({ "testType": "maybe" }), "invalid_test_type", "testType"),
            (json!({ "testType": "user-report" }), "unsupported_test_type", "testType"),
            (json!({ "testType": "likely", "symptomDate": tomorrow }), "invalid_date", "symptomDate"),
            (json!({ "testType": "likely", "testDate": old }), "invalid_date", "testDate"),
            (json!({ "testType": "likely", "testDate": "yesterday" }), "invalid_date", "testDate"),
            (json!({ "testType": "likely", "tzOffset": 841 }), "unparsable_request", "tzOffset"),
            (json!({ "testType": "likely", "tzOffset": "60" }), "unparsable_request", "tzOffset"),
            (json!({ "testType": "likely", "uuid": "7" }), "unparsable_request", "uuid"),
            (json!({ "testType": "likely", "externalIssuerID": long }), "unparsable_request", "externalIssuerID"),
            (json!({ "testType": "likely", "phone": "+4791234567" }), "sms_failure", "phone"),
            (json!({ "testType": "likely", "onlyGenerateSMS": true }), "sms_failure", "onlyGenerateSMS"),
            (json!({ "testType": "likely", "colour": "red" }), "unparsable_request", "body"),
            (json!([]), "unparsable_request", "body"),
        ];
        for (request, code, field) in cases {
            let answer = desk.issue(&request).await;
            assert_eq!(answer.refusal(), (400, code), "{request}");
            assert!(answer.text("error").contains(field), "{request}: {}", answer.text("error"));
            for said in ["maybe", "yesterday", "4791234567", "xxxx", "colour", "red"] {
                assert!(!answer.text("error").contains(said), "{request}");
            }
        }
        assert!(desk.is_empty().await);
    }

    #[actix_web::test]
    async fn an_authority_may_insist_on_a_date() {
        let desk = Desk::open().await;
        let (admin, _) = authority(&desk.state, "se", true).await;
        let undated = desk.post("/api/issue", &admin, &json!({ "testType": "likely" })).await;
        assert_eq!(undated.refusal(), (400, "missing_date"));
        assert!(desk.is_empty().await);
        for field in ["symptomDate", "testDate"] {
            let dated = json!({ "testType": "likely", field: day(&desk, 1) });
            assert_eq!(desk.post("/api/issue", &admin, &dated).await.status, 200);
        }
    }

    #[actix_web::test]
    async fn an_authority_issues_no_more_a_day_than_its_quota() {
        let desk = Desk::open().await;
        let quota = |codes| AuthorityChange { daily_quota: Some(codes), ..AuthorityChange::default() };
        admin::update_authority(&desk.state, "no", quota(Some(2))).await.expect("changed");
        let now = desk.state.now().unix();
        let noon = 86_400 - now.rem_euclid(86_400) + 43_200;
        desk.clock.set_offset(noon);
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let named = json!({ "testType": "likely", "uuid": uuid });
        let first = desk.issue(&named).await;
        assert_eq!(desk.issue(&json!({ "testType": "likely" })).await.status, 200);
        let refused = desk.issue(&json!({ "testType": "likely" })).await;
        assert_eq!(refused.refusal(), (429, "quota_exceeded"));
        assert!(refused.text("error").contains("daily quota"), "it says which limit this is");
        let wait = refused.retry_after.expect("a time to wait");
        assert!((43_190..=43_200).contains(&wait), "{wait} s from noon to midnight");
        // In a batch each is refused by itself, and a repeat costs nothing.
        let batch = json!({ "codes": [{ "testType": "likely" }, named, { "testType": "negative" }] });
        let batch = desk.post("/api/batch-issue", &desk.admin, &batch).await;
        assert_eq!((batch.refusal(), batch.retry_after.is_some()), ((429, "quota_exceeded"), true));
        assert_eq!(batch.body["codes"][1]["code"], first.body["code"]);
        assert_eq!(batch.body["codes"][2]["errorCode"], "quota_exceeded");
        // Tomorrow is another day, and an authority without a quota knows no limit.
        desk.clock.set_offset(noon + 43_200);
        assert_eq!(desk.issue(&json!({ "testType": "likely" })).await.status, 200);
        admin::update_authority(&desk.state, "no", quota(Some(0))).await.expect("changed");
        assert_eq!(desk.issue(&json!({ "testType": "likely" })).await.status, 429);
        admin::update_authority(&desk.state, "no", quota(None)).await.expect("changed");
        assert_eq!(desk.issue(&json!({ "testType": "likely" })).await.status, 200);
    }

    #[actix_web::test]
    async fn only_the_authority_issues() {
        let desk = Desk::open().await;
        let stats = admin::create_api_key(&desk.state, "no", store::ApiKeyKind::Stats).await.expect("a key");
        let request = json!({ "testType": "likely" });
        let cut = &desk.admin[..desk.admin.len() - 1];
        for key in [desk.device.as_str(), stats.as_str(), cut, "", "no.admin.", &"x".repeat(5_000)] {
            let answer = desk.post("/api/issue", key, &request).await;
            assert_eq!(answer.refusal(), (401, "unauthorized"));
        }
        assert!(desk.is_empty().await);
    }
}
