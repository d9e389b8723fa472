//! `POST /api/batch-issue`, for the authority's staff and tools (ADMIN): codes for several people.

use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use proto::api::codes::{BatchIssueItem, BatchIssueReply, BatchIssueRequest};

use crate::issuing;
use crate::problem::Problem;
use crate::request::{Admin, Call};
use crate::state::State;

/// Issues each code by itself: one that is refused leaves the others issued. The reply as a whole is that of the first refusal.
pub(crate) async fn batch_issue(
    state: Data<State>,
    call: Call<Admin, BatchIssueRequest>,
) -> Result<HttpResponse, Problem> {
    if call.body.codes.len() > state.batch_limit() {
        return Err(Problem::too_many_codes(state.batch_limit()));
    }
    let mut rng = store::chance::source();
    let (mut first, mut reply) = (None, BatchIssueReply::default());
    for request in call.body.codes {
        let item = match issuing::issue(&state, &call.issuer, request, &mut rng).await {
            Ok(issued) => BatchIssueItem::Issued(issued.into()),
            Err(problem) => {
                let refusal = problem.refusal();
                first.get_or_insert(problem);
                BatchIssueItem::Refused(refusal)
            }
        };
        reply.codes.push(item);
    }
    let Some(problem) = first else { return Ok(service::padded(StatusCode::OK, reply)) };
    blame(&mut reply, &problem);
    Ok(problem.label(service::padded(problem.status_code(), reply)))
}

fn blame(reply: &mut BatchIssueReply, problem: &Problem) {
    let refusal = problem.refusal();
    reply.error = Some(refusal.error);
    reply.error_code_camel = Some(refusal.error_code_camel);
    reply.error_code = Some(refusal.error_code);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::handlers::fixture_test::{Answer, Desk};

    const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    async fn batch(desk: &Desk, codes: Value) -> Answer {
        desk.post("/api/batch-issue", &desk.admin, &json!({ "codes": codes })).await
    }

    #[actix_web::test]
    async fn a_batch_issues_codes_in_the_order_of_its_requests() {
        let desk = Desk::open().await;
        let types = ["confirmed", "likely", "negative", "likely", "confirmed"];
        let answer = batch(&desk, types.iter().map(|name| json!({ "testType": name })).collect()).await;
        assert_eq!(answer.status, 200);
        for name in ["error", "errorCode", "error_code"] {
            assert!(answer.body.get(name).is_none(), "{name}");
        }
        let issued = answer.body["codes"].as_array().expect("codes");
        assert_eq!(issued.len(), 5);
        for (name, issued) in types.iter().zip(issued) {
            let claimed = desk.verify(&json!({ "code": issued["code"] })).await;
            assert_eq!(claimed.text("testtype"), *name);
            assert!(issued["uuid"].is_string() && issued["expiresAtTimestamp"].is_i64());
            assert!(issued["longExpiresAtTimestamp"].is_i64() && issued.get("error").is_none());
        }
    }

    #[actix_web::test]
    async fn one_that_is_refused_leaves_the_others_issued() {
        let desk = Desk::open().await;
        let other = json!({ "testType": "negative", "uuid": UUID });
        assert_eq!(desk.issue(&other).await.status, 200);
        let codes = json!([
            { "testType": "likely" },
            { "testType": "likely", "uuid": UUID },
            { "testType": "maybe" },
            { "testType": "likely", "testDate": "yesterday" },
            { "testType": "confirmed" },
        ]);
        let answer = batch(&desk, codes).await;
        assert_eq!(answer.refusal(), (409, "uuid_already_exists"), "as the first that was refused");
        let codes = answer.body["codes"].as_array().expect("codes");
        let errors: Vec<_> = codes.iter().map(|item| item["errorCode"].as_str()).collect();
        let expected = [None, Some("uuid_already_exists"), Some("invalid_test_type"), Some("invalid_date"), None];
        assert_eq!(errors, expected);
        for item in codes {
            assert_eq!(item["errorCode"], item["error_code"]);
            assert_ne!(item["code"].is_string(), item["error"].is_string());
        }
        for at in [0, 4] {
            assert_eq!(desk.verify(&json!({ "code": codes[at]["code"] })).await.status, 200);
        }
    }

    #[actix_web::test]
    async fn the_same_batch_again_gets_the_same_codes() {
        let desk = Desk::open().await;
        let codes = json!([{ "testType": "likely", "uuid": UUID }, { "testType": "likely", "uuid": UUID }]);
        let (first, second) = (batch(&desk, codes.clone()).await, batch(&desk, codes).await);
        assert_eq!((first.status.as_u16(), &first.body), (200, &second.body));
        assert_eq!(first.body["codes"][0], first.body["codes"][1], "also within one batch");
    }

    #[actix_web::test]
    async fn a_batch_has_ten_codes_at_most_unless_the_operator_says_otherwise() {
        let mut desk = Desk::open().await;
        let codes = |count: usize| vec![json!({ "testType": "likely" }); count].into();
        let refused = batch(&desk, codes(11)).await;
        assert_eq!(refused.refusal(), (400, "unparsable_request"));
        assert_eq!(refused.text("error"), "codes: must be at most 10");
        assert!(desk.is_empty().await);
        assert_eq!(batch(&desk, codes(10)).await.status, 200);
        assert_eq!(batch(&desk, codes(0)).await.status, 200);
        desk.state = desk.state.clone().with_batch_limit(11);
        assert_eq!(batch(&desk, codes(11)).await.status, 200);
    }

    #[actix_web::test]
    async fn a_batch_that_is_not_of_the_shape_issues_nothing() {
        let desk = Desk::open().await;
        for codes in [json!({}), json!([[]]), json!([{ "testType": "likely" }, { "colour": "red" }]), json!("likely")] {
            let answer = batch(&desk, codes).await;
            assert_eq!(answer.refusal(), (400, "unparsable_request"));
            assert!(answer.text("error").starts_with("body: codes"), "{}", answer.text("error"));
        }
        assert!(desk.is_empty().await);
    }
}
