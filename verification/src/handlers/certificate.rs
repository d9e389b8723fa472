//! `POST /api/certificate`, for apps (DEVICE): a token and a commitment become a certificate.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use proto::api::verification::{CertificateReply, CertificateRequest};

use crate::certifying::{self, Petition};
use crate::problem::Problem;
use crate::request::{Call, Device};
use crate::state::State;

/// Signs a certificate, for at most two different commitments a token; for the same one as often as it is asked.
pub(crate) async fn certificate(
    state: Data<State>,
    call: Call<Device, CertificateRequest>,
) -> Result<HttpResponse, Problem> {
    let petition = Petition::parse(&call.body)?;
    let certificate = certifying::certify(&state, &call.issuer, &petition).await?;
    Ok(service::padded(StatusCode::OK, CertificateReply { certificate, ..CertificateReply::default() }))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use proto::ReportType;
    use proto::certificate::{CertificateKey, Claims, Expected, UnverifiedCertificate};
    use serde_json::json;

    use crate::admin;
    use crate::handlers::fixture_test::{COMMITMENT, Desk, NONCE, OTHER_COMMITMENT, THIRD_COMMITMENT, authority};

    /// Checks a certificate as the key server would.
    async fn believe(desk: &Desk, certificate: &str) -> Claims {
        let keys = desk.state.store().issuer_keys("no", desk.state.now()).await.expect("listed").expect("an authority");
        let expected = Expected { issuer: "no", audience: "pratique", now: desk.state.now() };
        let unverified = UnverifiedCertificate::parse(certificate).expect("a certificate");
        let key = keys.iter().find(|key| Some(key.kid.as_str()) == unverified.kid()).expect("a known key");
        assert!(matches!(key.key, CertificateKey::Ed25519(_)));
        unverified.verify(&key.key, &expected).expect("believed")
    }

    #[actix_web::test]
    async fn a_certificate_says_what_the_authority_said() {
        let desk = Desk::open().await;
        let onset = proto::Interval::containing(desk.state.now()).midnight();
        let day = crate::dates::day_text(onset);
        let order = json!({ "testType": "likely", "symptomDate": day });
        let code = desk.issue(&order).await.text("code").to_owned();
        let token = desk.verify(&json!({ "code": code })).await.text("token").to_owned();
        let answer = desk.certificate(&token, COMMITMENT).await;
        let claims = believe(&desk, answer.text("certificate")).await;
        assert_eq!((claims.report_type, claims.symptom_onset), (ReportType::Likely, Some(onset)));
        assert_eq!(proto::api::base64::encode(claims.commitment.as_bytes()), COMMITMENT);
        assert_eq!(claims.expires_at.unix() - claims.issued_at.unix(), 900);
    }

    #[actix_web::test]
    async fn the_day_of_the_test_is_no_onset() {
        let desk = Desk::open().await;
        let day = crate::dates::day_text(proto::Interval::containing(desk.state.now()));
        let code = desk.issue(&json!({ "testType": "likely", "testDate": day })).await.text("code").to_owned();
        let token = desk.verify(&json!({ "code": code })).await.text("token").to_owned();
        let answer = desk.certificate(&token, COMMITMENT).await;
        assert_eq!(believe(&desk, answer.text("certificate")).await.symptom_onset, None);
    }

    #[actix_web::test]
    async fn a_lost_reply_does_not_burn_the_token() {
        let desk = Desk::open().await;
        let token = desk.token().await;
        let url_safe = COMMITMENT.replace('/', "_").replace('+', "-");
        for (later, commitment) in [(0, COMMITMENT), (10, &url_safe), (901, COMMITMENT), (86_399, COMMITMENT)] {
            desk.clock.set_offset(later);
            let answer = desk.certificate(&token, commitment).await;
            let claims = believe(&desk, answer.text("certificate")).await;
            assert_eq!(proto::api::base64::encode(claims.commitment.as_bytes()), COMMITMENT, "after {later} s");
        }
        // The repeats left room for the one other.
        assert_eq!(desk.certificate(&token, OTHER_COMMITMENT).await.status, 200);
    }

    #[actix_web::test]
    async fn a_token_is_good_for_two_commitments() {
        let desk = Desk::open().await;
        let token = desk.token().await;
        for commitment in [COMMITMENT, OTHER_COMMITMENT] {
            assert_eq!(desk.certificate(&token, commitment).await.status, 200);
        }
        assert_eq!(desk.certificate(&token, THIRD_COMMITMENT).await.refusal(), (400, "token_expired"));
        for commitment in [COMMITMENT, OTHER_COMMITMENT] {
            assert_eq!(desk.certificate(&token, commitment).await.status, 200);
        }
    }

    #[actix_web::test]
    async fn a_token_ends_within_the_hour_after_its_day() {
        let desk = Desk::open().await;
        let token = desk.token().await;
        desk.clock.set_offset(90_000);
        assert_eq!(desk.certificate(&token, COMMITMENT).await.refusal(), (400, "token_expired"));
    }

    #[actix_web::test]
    async fn what_is_no_token_is_refused() {
        let desk = Desk::open().await;
        let token = desk.token().await;
        let mut bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&token).expect("base64url");
        let flipped = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            let answer = desk.certificate(&flipped(&bytes), COMMITMENT).await;
            assert_eq!(answer.refusal(), (400, "token_invalid"), "byte {at}");
            bytes[at] ^= 1;
        }
        let (short, long) = (&token[..60], format!("{token}AAAA"));
        for bad in ["", "x", short, &long, &format!("{token}="), &format!(" {token}")] {
            assert_eq!(desk.certificate(bad, COMMITMENT).await.refusal(), (400, "token_invalid"));
        }
        assert_eq!(desk.certificate(&token, COMMITMENT).await.status, 200);
    }

    #[actix_web::test]
    async fn what_is_no_commitment_is_refused_and_binds_nothing() {
        let desk = Desk::open().await;
        let token = desk.token().await;
        for bad in ["", "!", "AAAA", &COMMITMENT[..40], &format!("AAAA{COMMITMENT}")] {
            assert_eq!(desk.certificate(&token, bad).await.refusal(), (400, "hmac_invalid"));
        }
        for commitment in [COMMITMENT, OTHER_COMMITMENT] {
            assert_eq!(desk.certificate(&token, commitment).await.status, 200);
        }
    }

    #[actix_web::test]
    async fn a_token_belongs_to_the_app_of_its_authority() {
        let desk = Desk::open().await;
        let (_, device) = authority(&desk.state, "se", false).await;
        admin::create_signing_key(&desk.state, "se").await.expect("a key");
        let request = json!({ "token": desk.token().await, "ekeyhmac": COMMITMENT });
        assert_eq!(desk.post("/api/certificate", &device, &request).await.refusal(), (400, "token_invalid"));
        assert_eq!(desk.post("/api/certificate", &desk.admin, &request).await.refusal(), (401, "unauthorized"));
    }

    #[actix_web::test]
    async fn an_authority_that_cannot_sign_binds_nothing() {
        let desk = Desk::without_signing_key().await;
        let token = desk.token().await;
        for commitment in [COMMITMENT, OTHER_COMMITMENT, THIRD_COMMITMENT] {
            assert_eq!(desk.certificate(&token, commitment).await.refusal(), (500, "internal_error"));
        }
        admin::create_signing_key(&desk.state, "no").await.expect("a key");
        for commitment in [COMMITMENT, OTHER_COMMITMENT] {
            assert_eq!(desk.certificate(&token, commitment).await.status, 200);
        }
    }

    #[actix_web::test]
    async fn a_clock_a_little_behind_that_of_whoever_made_the_key_signs_all_the_same() {
        let desk = Desk::open().await;
        let token = desk.token().await;
        for (offset, expected) in [(-60, 200), (-240, 200), (-3_600, 500)] {
            desk.clock.set_offset(offset);
            assert_eq!(desk.certificate(&token, COMMITMENT).await.status, expected, "{offset}");
        }
    }

    #[actix_web::test]
    async fn a_newer_key_takes_over_and_both_are_believed() {
        let desk = Desk::open().await;
        let token = desk.token().await;
        let old = desk.certificate(&token, COMMITMENT).await.text("certificate").to_owned();
        desk.clock.set_offset(10);
        let newer = admin::create_signing_key(&desk.state, "no").await.expect("a key");
        let new = desk.certificate(&token, COMMITMENT).await.text("certificate").to_owned();
        assert_eq!(UnverifiedCertificate::parse(&new).expect("a certificate").kid(), Some(newer.kid().as_str()));
        assert_ne!(UnverifiedCertificate::parse(&old).expect("a certificate").kid(), Some(newer.kid().as_str()));
        for certificate in [old, new] {
            believe(&desk, &certificate).await;
        }
    }

    #[actix_web::test]
    async fn a_phone_that_verifies_again_gets_the_token_that_was_certified() {
        let desk = Desk::open().await;
        let code = desk.code().await;
        let request = json!({ "code": code, "nonce": NONCE });
        let token = desk.verify(&request).await.text("token").to_owned();
        assert_eq!(desk.certificate(&token, COMMITMENT).await.status, 200);
        let again = desk.verify(&request).await.text("token").to_owned();
        assert_eq!(desk.certificate(&again, COMMITMENT).await.status, 200);
        assert_eq!(desk.certificate(&again, OTHER_COMMITMENT).await.status, 200);
    }
}
