//! `POST /api/checkcodestatus`, for the authority's staff and tools (ADMIN): what has become of a code.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use proto::api::codes::{CodeStatusReply, CodeStatusRequest};

use crate::looking;
use crate::problem::Problem;
use crate::request::{Admin, Call};
use crate::state::State;

/// Says whether a code was claimed, and until when it can be. The code itself is not told again.
pub(crate) async fn check_code_status(
    state: Data<State>,
    call: Call<Admin, CodeStatusRequest>,
) -> Result<HttpResponse, Problem> {
    let status = looking::status(state.get_ref().as_ref(), &call.issuer, &call.body.uuid).await?;
    let reply = CodeStatusReply {
        claimed: status.claimed,
        expires_at_timestamp: status.expires_at.unix(),
        long_expires_at_timestamp: status.long_expires_at.unix(),
        ..CodeStatusReply::default()
    };
    Ok(service::padded(StatusCode::OK, reply))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::handlers::fixture_test::{Answer, Desk, authority};

    async fn status(desk: &Desk, uuid: &Value) -> Answer {
        desk.post("/api/checkcodestatus", &desk.admin, &json!({ "uuid": uuid, "padding": "AA" })).await
    }

    #[actix_web::test]
    async fn a_status_says_what_issue_said_until_the_code_is_claimed() {
        let desk = Desk::open().await;
        let issued = desk.issue(&json!({ "testType": "likely" })).await;
        let waiting = status(&desk, &issued.body["uuid"]).await;
        assert_eq!((waiting.status.as_u16(), &waiting.body["claimed"]), (200, &json!(false)));
        for name in ["expiresAtTimestamp", "longExpiresAtTimestamp"] {
            assert_eq!(waiting.body[name], issued.body[name], "{name}");
        }
        assert!(waiting.body.get("code").is_none());
        assert_eq!(desk.verify(&json!({ "code": issued.body["code"] })).await.status, 200);
        assert_eq!(status(&desk, &issued.body["uuid"]).await.body["claimed"], true);
    }

    #[actix_web::test]
    async fn an_expired_code_is_known_for_a_day_and_then_forgotten() {
        let desk = Desk::open().await;
        let uuid = desk.issue(&json!({ "testType": "likely" })).await.body["uuid"].clone();
        desk.clock.set_offset(2 * 86_400 - 10);
        while desk.state.store().purge(desk.state.now(), 100).await.expect("purged") > 0 {}
        assert_eq!(status(&desk, &uuid).await.body["claimed"], false);
        desk.clock.set_offset(2 * 86_400 + 10);
        while desk.state.store().purge(desk.state.now(), 100).await.expect("purged") > 0 {}
        assert_eq!(status(&desk, &uuid).await.refusal(), (404, "code_not_found"));
    }

    #[actix_web::test]
    async fn a_code_is_its_authoritys_to_look_at() {
        let desk = Desk::open().await;
        let uuid = desk.issue(&json!({ "testType": "likely" })).await.body["uuid"].clone();
        let (other, _) = authority(&desk.state, "se", false).await;
        let request = json!({ "uuid": uuid });
        for path in ["/api/checkcodestatus", "/api/expirecode"] {
            assert_eq!(desk.post(path, &other, &request).await.refusal(), (404, "code_not_found"));
            assert_eq!(desk.post(path, &desk.device, &request).await.refusal(), (401, "unauthorized"));
        }
        assert_eq!(status(&desk, &uuid).await.status, 200);
    }

    #[actix_web::test]
    async fn what_is_no_uuid_is_named_and_an_unknown_one_is_not_found() {
        let desk = Desk::open().await;
        for path in ["/api/checkcodestatus", "/api/expirecode"] {
            for uuid in [json!(""), json!("7"), Value::Null] {
                let answer = desk.post(path, &desk.admin, &json!({ "uuid": uuid })).await;
                assert_eq!(answer.refusal(), (400, "unparsable_request"));
                assert_eq!(answer.text("error"), "uuid: must be a UUID");
            }
            let unknown = json!({ "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e" });
            assert_eq!(desk.post(path, &desk.admin, &unknown).await.refusal(), (404, "code_not_found"));
        }
    }
}
