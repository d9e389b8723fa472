//! What one network may ask this service for. The budgets themselves are tested where they are kept.

use serde_json::json;
use service::LimitSettings;

use crate::handlers::fixture_test::Desk;

#[actix_web::test]
async fn a_network_has_a_budget_of_requests_and_others_do_not_pay() {
    let mut desk = Desk::open().await;
    desk.state = desk.state.clone().with_limits(&LimitSettings { prefix_requests: 3, ..LimitSettings::default() });
    for host in 1..=3 {
        let answer = desk.verify_from(&format!("198.51.100.{host}:{host}"), &[], "1234").await;
        assert_eq!(answer.refusal(), (400, "code_invalid"));
    }
    let refused = desk.verify_from("198.51.100.9:9", &["203.0.113.1"], "1234").await;
    assert_eq!(refused.refusal(), (429, "too_many_requests"));
    assert!((1..=20).contains(&refused.retry_after.expect("Retry-After")));
    assert_eq!(desk.verify_from("198.51.101.9:9", &[], "1234").await.status, 400);
}

#[actix_web::test]
async fn keys_that_nobody_has_are_not_looked_up_for_ever() {
    let mut desk = Desk::open().await;
    // Without an address all count together, with the budgets of a network.
    desk.state = desk.state.clone().with_limits(&LimitSettings { prefix_failures: 2, ..LimitSettings::default() });
    let code = json!({ "code": "1234" });
    for _ in 0..2 {
        assert_eq!(desk.post("/api/verify", "no.device.x", &code).await.status, 401);
    }
    assert_eq!(desk.post("/api/verify", "no.device.x", &code).await.refusal(), (429, "too_many_requests"));
    assert_eq!(desk.post("/api/verify", &desk.device.clone(), &code).await.status, 429);
}
