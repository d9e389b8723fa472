//! `POST /api/expirecode`, for the authority's staff and tools (ADMIN): a code that nobody shall claim.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use proto::api::codes::{ExpireCodeReply, ExpireCodeRequest};

use crate::looking;
use crate::problem::Problem;
use crate::request::{Admin, Call};
use crate::state::State;

/// Ends the life of a code in both forms, unless it was claimed.
pub(crate) async fn expire_code(
    state: Data<State>,
    call: Call<Admin, ExpireCodeRequest>,
) -> Result<HttpResponse, Problem> {
    let status = looking::expire(state.get_ref().as_ref(), &call.issuer, &call.body.uuid).await?;
    let reply = ExpireCodeReply {
        expires_at_timestamp: status.expires_at.unix(),
        long_expires_at_timestamp: status.long_expires_at.unix(),
        ..ExpireCodeReply::default()
    };
    Ok(service::padded(StatusCode::OK, reply))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::desk;
    use crate::handlers::fixture_test::{Answer, Desk, NONCE};

    async fn expire(desk: &Desk, uuid: &Value) -> Answer {
        desk.post("/api/expirecode", &desk.admin, &json!({ "uuid": uuid })).await
    }

    #[actix_web::test]
    async fn an_expired_code_is_nobodys_in_either_form() {
        let desk = Desk::open().await;
        let request = desk::IssueRequest { test_type: "likely".to_owned(), ..Default::default() };
        let issued = desk::issue(&desk.state, "no", request).await.expect("issued");
        let before = desk.state.now().unix();
        let answer = expire(&desk, &json!(issued.uuid)).await;
        assert_eq!(answer.status, 200);
        for name in ["expiresAtTimestamp", "longExpiresAtTimestamp"] {
            let at = answer.body[name].as_i64().expect("seconds");
            assert!((before..before + 60).contains(&at), "{name}");
        }
        for code in [Some(issued.code), issued.long_code] {
            assert_eq!(desk.verify(&json!({ "code": code })).await.refusal(), (400, "code_expired"));
        }
        desk.clock.set_offset(100);
        assert_eq!(expire(&desk, &json!(issued.uuid)).await.body, answer.body, "the same again changes nothing");
    }

    #[actix_web::test]
    async fn a_claimed_code_does_not_expire() {
        let desk = Desk::open().await;
        let issued = desk.issue(&json!({ "testType": "likely" })).await;
        let claim = json!({ "code": issued.body["code"], "nonce": NONCE });
        let token = desk.verify(&claim).await.text("token").to_owned();
        assert_eq!(expire(&desk, &issued.body["uuid"]).await.refusal(), (400, "code_invalid"));
        assert_eq!(desk.verify(&claim).await.text("token"), token);
    }

    #[actix_web::test]
    async fn the_request_of_an_expired_code_finds_its_uuid_taken() {
        let desk = Desk::open().await;
        let mut request = json!({ "testType": "likely" });
        request["uuid"] = desk.issue(&request).await.body["uuid"].clone();
        assert_eq!(desk.issue(&request).await.refusal(), (409, "uuid_already_exists"), "the uuid was not in the first");
        request["uuid"] = json!("0f8fad5b-d9cb-469f-a165-70867728950e");
        assert_eq!(desk.issue(&request).await.status, 200);
        assert_eq!(expire(&desk, &request["uuid"]).await.status, 200);
        assert_eq!(desk.issue(&request).await.refusal(), (409, "uuid_already_exists"));
    }
}
