//! Reading a request: who calls, and what they want.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, dev};
use proto::api::parse_body;
use proto::api::verification::API_KEY_HEADER;
use serde::de::DeserializeOwned;
use service::Ticket;
use store::{ApiKeyKind, Issuer};

use crate::api_key;
use crate::problem::Problem;
use crate::state::State;

/// No API key is longer, in bytes.
const MAX_KEY: usize = 256;

/// A request of an authority's app or staff: the key is of the kind that the route is for, the body is of the shape that it takes.
pub(crate) struct Call<K, T> {
    /// Whose key it is.
    pub(crate) issuer: Issuer,
    /// What they want.
    pub(crate) body: T,
    kind: PhantomData<K>,
}

/// A request without a body.
pub(crate) struct Visit<K> {
    /// Whose key it is.
    pub(crate) issuer: Issuer,
    kind: PhantomData<K>,
}

/// A kind of caller.
pub(crate) trait Caller: 'static {
    /// Which API key it has. No other will do, however mighty.
    const KIND: ApiKeyKind;
}

/// An app.
pub(crate) struct Device;

impl Caller for Device {
    const KIND: ApiKeyKind = ApiKeyKind::Device;
}

/// The authority's staff and tools.
pub(crate) struct Admin;

impl Caller for Admin {
    const KIND: ApiKeyKind = ApiKeyKind::Admin;
}

/// The authority's dashboards.
pub(crate) struct Stats;

impl Caller for Stats {
    const KIND: ApiKeyKind = ApiKeyKind::Stats;
}

impl<K: Caller, T: DeserializeOwned + 'static> FromRequest for Call<K, T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            // The body is read first and judged last: strangers learn nothing about it, and nobody is cut off while still talking.
            let bytes = service::read(&request, payload).await;
            let issuer = believe::<K>(&request).await?;
            let bytes = bytes?;
            service::require_json(&request)?;
            Ok(Self { issuer, body: parse_body(&bytes)?, kind: PhantomData })
        })
    }
}

impl<K: Caller> FromRequest for Visit<K> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _payload: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Self { issuer: believe::<K>(&request).await?, kind: PhantomData }) })
    }
}

/// Whose API key it is. Unknown, revoked and of another kind are one refusal; only who has a good key hears that its authority is disabled.
pub(crate) async fn believe<K: Caller>(request: &HttpRequest) -> Result<Issuer, Problem> {
    believe_with::<K>(request, &Ticket::of(request)).await
}

/// The same with another ticket: that of chaff opens every door, since it has limits of its own.
pub(crate) async fn believe_with<K: Caller>(request: &HttpRequest, ticket: &Ticket) -> Result<Issuer, Problem> {
    let state = request.app_data::<Data<State>>().ok_or(Problem::INTERNAL)?;
    let key = request.headers().get(API_KEY_HEADER).and_then(|value| value.to_str().ok());
    let key = key.filter(|key| key.len() <= MAX_KEY).ok_or(Problem::UNAUTHORIZED)?;
    let trial = ticket.try_belief(api_key::authority(key))?;
    let grant = state.store().api_key(api_key::digest(key), state.now()).await?;
    let Some(grant) = grant.filter(|grant| grant.kind == K::KIND) else {
        trial.disbelieved();
        return Err(Problem::UNAUTHORIZED);
    };
    trial.believed();
    if grant.disabled {
        return Err(Problem::AUTHORITY_DISABLED);
    }
    if state.is_in_maintenance() { Err(Problem::maintenance()) } else { Ok(grant.issuer) }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use serde_json::json;
    use store::ApiKeyKind;

    use crate::admin;
    use crate::handlers::fixture_test::{COMMITMENT, Desk};

    const JSON: (&str, &str) = ("Content-Type", "application/json");
    const PATHS: [&str; 7] = [
        "/api/user-report",
        "/api/verify",
        "/api/certificate",
        "/api/issue",
        "/api/batch-issue",
        "/api/checkcodestatus",
        "/api/expirecode",
    ];

    fn key<'a>(desk: &'a Desk, path: &str) -> (&'static str, &'a str) {
        ("x-api-key", if PATHS[..3].contains(&path) { &desk.device } else { &desk.admin })
    }

    #[actix_web::test]
    async fn a_body_is_json_and_says_so() {
        let desk = Desk::open().await;
        for path in PATHS {
            let key = key(&desk, path);
            for content_type in ["text/plain", "application/jsonp", "", "application/x-www-form-urlencoded"] {
                let headers = [key, ("Content-Type", content_type)];
                let answer = desk.send(Method::POST, path, &headers, b"{}".to_vec()).await;
                assert_eq!(answer.refusal(), (415, "unsupported_media_type"), "{content_type}");
            }
            assert_eq!(desk.send(Method::POST, path, &[key], b"{}".to_vec()).await.refusal().0, 415);
            for body in ["", "{", "{}{}", "[]", "null", "\u{feff}{}", r#"{"padding":1}"#, r#"{"x":""}"#] {
                let answer = desk.send(Method::POST, path, &[key, JSON], body.into()).await;
                assert_eq!(answer.refusal(), (400, "unparsable_request"), "{path} {body}");
            }
            let charset = ("Content-Type", "Application/JSON; charset=utf-8");
            let answer = desk.send(Method::POST, path, &[key, charset], b"{}".to_vec()).await;
            assert_ne!(answer.status, 415);
        }
        assert!(desk.is_empty().await);
    }

    #[actix_web::test]
    async fn a_body_may_have_64000_bytes_and_no_more() {
        let desk = Desk::open().await;
        for path in PATHS {
            let key = key(&desk, path);
            let sized = |size: usize| format!("{{\"padding\":\"{}\"}}", "A".repeat(size - 14)).into_bytes();
            assert_eq!(sized(64_000).len(), 64_000);
            let fits = desk.send(Method::POST, path, &[key, JSON], sized(64_000)).await;
            // No codes are no fault.
            let expected = if path == "/api/batch-issue" { 200 } else { 400 };
            assert_eq!(fits.status, expected, "{path}");
            for size in [64_001, 200_000, 2_000_000] {
                let answer = desk.send(Method::POST, path, &[key, JSON], sized(size)).await;
                assert_eq!(answer.refusal(), (413, "body_too_large"), "{size}");
            }
        }
    }

    #[actix_web::test]
    async fn strangers_learn_nothing_about_their_bodies() {
        let desk = Desk::open().await;
        for path in PATHS {
            for body in [vec![], b"{}".to_vec(), vec![b'x'; 70_000]] {
                let answer = desk.send(Method::POST, path, &[], body).await;
                assert_eq!(answer.refusal(), (401, "unauthorized"));
            }
        }
    }

    #[actix_web::test]
    async fn a_key_opens_the_routes_of_its_kind_while_its_authority_takes_part() {
        let desk = Desk::open().await;
        let stats = admin::create_api_key(&desk.state, "no", ApiKeyKind::Stats).await.expect("a key");
        let long = "no.admin.".repeat(1_000);
        for path in PATHS {
            let (_, right) = key(&desk, path);
            let wrong = if right == desk.device { &desk.admin } else { &desk.device };
            for bad in [wrong, stats.as_str(), &right[1..], &right.to_uppercase(), "no", "", &long] {
                assert_eq!(desk.post(path, bad, &json!({})).await.refusal(), (401, "unauthorized"), "{path}");
            }
        }
        admin::disable_authority(&desk.state, "no").await.expect("disabled");
        for path in PATHS {
            let (_, right) = key(&desk, path);
            for body in [json!({}), json!({ "colour": "red" }), json!([])] {
                assert_eq!(desk.post(path, right, &body).await.refusal(), (403, "authority_disabled"), "{path}");
            }
        }
        assert!(desk.is_empty().await);
    }

    #[actix_web::test]
    async fn nothing_is_written_during_maintenance() {
        let mut desk = Desk::open().await;
        let token = desk.token().await;
        desk.state = desk.state.clone().with_maintenance(true);
        for path in PATHS {
            let (_, right) = key(&desk, path);
            let body = json!({ "testType": "likely", "token": token, "ekeyhmac": COMMITMENT });
            for body in [json!({}), body, json!([])] {
                let answer = desk.post(path, right, &body).await;
                assert_eq!(answer.refusal(), (429, "maintenance_mode"), "{path}");
                assert_eq!(answer.retry_after, Some(300));
            }
            assert_eq!(desk.post(path, "", &json!({})).await.refusal(), (401, "unauthorized"), "{path}");
        }
        assert_eq!(desk.published().await.len(), 1, "keys are published all the same");
        desk.state = desk.state.clone().with_maintenance(false);
        assert_eq!(desk.certificate(&token, COMMITMENT).await.status, 200);
    }

    #[actix_web::test]
    async fn other_methods_and_paths_are_refused_in_the_same_shape() {
        let desk = Desk::open().await;
        for path in PATHS {
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
                let answer = desk.send(method, path, &[key(&desk, path)], vec![]).await;
                assert_eq!(answer.refusal(), (405, "method_not_allowed"));
            }
        }
        for path in ["/", "/api", "/api/verify/", "/api/Verify", "/v1/publish"] {
            assert_eq!(desk.post(path, &desk.device, &json!({})).await.refusal(), (404, "not_found"));
        }
    }

    #[actix_web::test]
    async fn every_reply_to_a_phone_has_the_same_header_names() {
        let desk = Desk::open().await;
        let token = desk.token().await;
        let code = desk.code().await;
        let answers = [
            desk.verify(&json!({ "code": code })).await,
            desk.verify(&json!({ "code": "00" })).await,
            desk.certificate(&token, COMMITMENT).await,
            desk.certificate("", COMMITMENT).await,
            desk.post("/api/user-report", &desk.device, &json!({})).await,
            desk.verify(&json!([])).await,
            desk.post("/api/verify", "", &json!({})).await,
            desk.post("/api/nothing", "", &json!({})).await,
            desk.send(Method::GET, "/api/verify", &[], vec![]).await,
            desk.send(Method::POST, "/api/verify", &[JSON], vec![b' '; 70_000]).await,
        ];
        for answer in &answers {
            assert_eq!(answer.headers, answers[0].headers, "{}", answer.status);
        }
    }
}
