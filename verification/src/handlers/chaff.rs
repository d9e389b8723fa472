//! What apps POST to any of their routes with `X-Chaff` (DEVICE): nothing, answered like something.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use proto::ReportType;
use proto::api::verification::{CertificateReply, UserReportReply, VerifyReply};
use service::Ticket;
use store::CodeId;

use crate::dates;
use crate::decoy;
use crate::problem::Problem;
use crate::request::{Device, believe_with};
use crate::state::State;
use crate::token::Token;

/// How long the code of a self-report seems to live, in seconds.
const LIFE: i64 = 900;

/// Looks up, derives and writes as for a real request, as long as the budget lasts, and answers as if it had been one. Whose key it is and whether that
/// authority takes part is asked as ever. Nothing of it reaches codes, budgets, quotas or statistics.
pub(crate) async fn chaff(state: Data<State>, request: HttpRequest, body: Payload) -> Result<HttpResponse, Problem> {
    let body = service::read(&request, body.into_inner()).await;
    let path = request.path();
    if state.is_in_maintenance() || state.chaff().admits_one() {
        let issuer = believe_with::<Device>(&request, &Ticket::default()).await?;
        body?;
        match path {
            "/api/verify" => decoy::claim(&state, &issuer).await?,
            "/api/certificate" => decoy::certify(&state, &issuer).await?,
            _ => decoy::report(&state, &issuer).await?,
        }
    } else {
        body?;
    }
    Ok(reply(&state, path))
}

/// Random texts of the right length, which no route takes.
fn reply(state: &State, path: &str) -> HttpResponse {
    match path {
        "/api/verify" => {
            let token = Token::random(CodeId(store::chance::bytes()), store::chance::bytes()).to_text();
            let testtype = ReportType::Confirmed.to_string();
            service::padded(StatusCode::OK, VerifyReply { testtype, token, ..VerifyReply::default() })
        }
        "/api/certificate" => {
            let certificate = state.chaff().certificate("chaff", "chaff", state.now());
            service::padded(StatusCode::OK, CertificateReply { certificate, ..CertificateReply::default() })
        }
        _ => {
            let expiry = state.now().plus(LIFE);
            let (expires_at, expires_at_timestamp) = (dates::rfc1123(expiry), expiry.unix());
            let reply = UserReportReply { expires_at, expires_at_timestamp, ..UserReportReply::default() };
            service::padded(StatusCode::OK, reply)
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use serde_json::json;

    use crate::handlers::fixture_test::{COMMITMENT, Desk};

    const CHAFF: (&str, &str) = ("X-Chaff", "1");
    const PATHS: [&str; 3] = ["/api/user-report", "/api/verify", "/api/certificate"];

    async fn chaff(desk: &Desk, path: &str, body: &[u8]) -> crate::handlers::fixture_test::Answer {
        desk.send(Method::POST, path, &[("X-API-Key", &desk.device), CHAFF], body.to_vec()).await
    }

    #[actix_web::test]
    async fn any_body_is_chaff_and_is_answered_like_a_good_one() {
        let desk = Desk::open().await;
        let code = desk.code().await;
        let real = desk.verify(&json!({ "code": code })).await;
        for path in PATHS {
            let claim = json!({ "code": desk.code().await }).to_string();
            for body in [claim.as_bytes(), b"", b"padding", b"{}"] {
                let answer = chaff(&desk, path, body).await;
                assert_eq!((answer.status.as_u16(), &answer.headers), (200, &real.headers), "{path}");
            }
        }
        desk.state.metrics().step();
        let shown = desk.state.metrics().render();
        assert!(shown.contains("pratique_verification_chaff_total{worked=\"yes\"} 12\n"), "{shown}");
    }

    #[actix_web::test]
    async fn chaff_claims_no_code_and_spends_no_budget() {
        let desk = Desk::open().await;
        let code = desk.code().await;
        for _ in 0..30 {
            let wrong = json!({ "code": "00000000" }).to_string();
            assert_eq!(chaff(&desk, "/api/verify", wrong.as_bytes()).await.status, 200);
            chaff(&desk, "/api/verify", json!({ "code": code }).to_string().as_bytes()).await;
        }
        let token = desk.verify(&json!({ "code": code })).await.text("token").to_owned();
        for commitment in [COMMITMENT, crate::handlers::fixture_test::OTHER_COMMITMENT, COMMITMENT] {
            chaff(&desk, "/api/certificate", json!({ "token": token, "ekeyhmac": commitment }).to_string().as_bytes())
                .await;
            assert_eq!(desk.certificate(&token, commitment).await.status, 200);
        }
    }

    #[actix_web::test]
    async fn what_chaff_is_given_no_route_takes() {
        let desk = Desk::open().await;
        let (real, fake) = (desk.token().await, chaff(&desk, "/api/verify", b"").await.text("token").to_owned());
        assert_eq!(real.len(), fake.len());
        assert_eq!(desk.certificate(&fake, COMMITMENT).await.refusal(), (400, "token_invalid"));
        let real = desk.certificate(&real, COMMITMENT).await.text("certificate").to_owned();
        let fake = chaff(&desk, "/api/certificate", b"").await.text("certificate").to_owned();
        let kid = |text: &str| {
            proto::certificate::UnverifiedCertificate::parse(text).expect("a JWT").kid().map(str::to_owned)
        };
        assert!(kid(&fake).is_some() && kid(&fake) != kid(&real), "it is signed with no key of an authority");
    }

    #[actix_web::test]
    async fn chaff_beyond_its_budget_is_answered_alike() {
        let mut desk = Desk::open().await;
        let within = chaff(&desk, "/api/verify", b"").await;
        desk.state = desk.state.clone().with_chaff_rate(0);
        for path in PATHS {
            let answer = chaff(&desk, path, b"").await;
            assert_eq!((answer.status.as_u16(), &answer.headers), (200, &within.headers), "{path}");
        }
        desk.state.metrics().step();
        let shown = desk.state.metrics().render();
        assert!(shown.contains("pratique_verification_chaff_total{worked=\"no\"} 3\n"), "{shown}");
    }

    #[actix_web::test]
    async fn a_stranger_and_a_service_at_rest_refuse_chaff_as_they_do_all_else() {
        let mut desk = Desk::open().await;
        for path in PATHS {
            assert_eq!(desk.send(Method::POST, path, &[CHAFF], vec![]).await.refusal(), (401, "unauthorized"));
            assert_eq!(desk.send(Method::GET, path, &[CHAFF], vec![]).await.refusal(), (405, "method_not_allowed"));
        }
        desk.state = desk.state.clone().with_maintenance(true);
        for path in PATHS {
            assert_eq!(chaff(&desk, path, b"").await.refusal(), (429, "maintenance_mode"));
        }
    }
}
