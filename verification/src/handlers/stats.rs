//! `GET /api/stats/realm.json` and `GET /api/stats/realm.csv`, for the authority's dashboards (STATS): its days in numbers.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;

use crate::problem::Problem;
use crate::request::{Stats, Visit};
use crate::state::State;
use crate::statistics;

/// Days and months that are over, as JSON.
pub(crate) async fn realm_json(state: Data<State>, visit: Visit<Stats>) -> Result<HttpResponse, Problem> {
    let report = statistics::report(state.get_ref(), &visit.issuer.id, state.threshold()).await?;
    Ok(answer("application/json", report.to_json().to_string()))
}

/// Days that are over, as CSV.
pub(crate) async fn realm_csv(state: Data<State>, visit: Visit<Stats>) -> Result<HttpResponse, Problem> {
    let report = statistics::report(state.get_ref(), &visit.issuer.id, state.threshold()).await?;
    Ok(answer("text/csv", report.to_csv()))
}

/// As long as it is: no phone asks for this.
fn answer(content_type: &'static str, body: String) -> HttpResponse {
    HttpResponse::Ok().content_type(content_type).insert_header((CACHE_CONTROL, "no-store")).body(body)
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use serde_json::{Value, json};
    use store::{ApiKeyKind, Day};

    use crate::admin;
    use crate::handlers::fixture_test::Desk;
    use crate::statistics::{KEPT, freeze_all};

    const JSON: &str = "/api/stats/realm.json";
    const CSV: &str = "/api/stats/realm.csv";
    const HEADER: &str = "date,codes_issued,codes_delivered,codes_claimed,codes_expired,tokens_claimed,\
        user_reports_issued,user_reports_claimed\n";

    /// A desk at noon of the day after it was opened, and its STATS key.
    async fn at_noon() -> (Desk, String, i64) {
        let desk = Desk::open().await;
        let noon = 86_400 + 43_200 - desk.state.now().unix().rem_euclid(86_400);
        desk.clock.set_offset(noon);
        let key = admin::create_api_key(&desk.state, "no", ApiKeyKind::Stats).await.expect("a key");
        (desk, key.as_str().to_owned(), noon)
    }

    async fn issue(desk: &Desk, codes: usize) {
        for _ in 0..codes {
            assert_eq!(desk.issue(&json!({ "testType": "likely" })).await.status, 200);
        }
    }

    async fn days(desk: &Desk, key: &str) -> Vec<Value> {
        let (status, text) = desk.look(JSON, key).await;
        assert_eq!(status, StatusCode::OK);
        let body: Value = serde_json::from_str(&text).expect("JSON");
        body["statistics"].as_array().expect("days").clone()
    }

    #[actix_web::test]
    async fn a_day_is_shown_two_hours_after_it_is_over() {
        let (desk, key, noon) = at_noon().await;
        assert!(desk.look(JSON, &key).await.1.contains(r#""statistics":[{"#), "yesterday the desk was opened");
        issue(&desk, 25).await;
        let before = days(&desk, &key).await;
        assert_eq!(before.len(), 1);
        assert!(before[0]["data"].as_object().expect("figures").values().all(Value::is_null));
        desk.clock.set_offset(noon + 43_200 + 7_000);
        assert_eq!(days(&desk, &key).await, before);
        desk.clock.set_offset(noon + 43_200 + 7_210);
        let after = days(&desk, &key).await;
        assert_eq!(after[1..], before, "the latest comes first");
        let data = json!({
            "codes_issued": 20, "codes_delivered": null, "codes_claimed": null, "codes_expired": null,
            "tokens_claimed": null, "user_reports_issued": null, "user_reports_claimed": null,
        });
        assert_eq!(after[0]["data"], data);
        let date = after[0]["date"].as_str().and_then(|date| date.strip_suffix("T00:00:00Z")).expect("a moment");
        let (status, csv) = desk.look(CSV, &key).await;
        assert_eq!(status, StatusCode::OK);
        let lines: Vec<_> = csv.strip_prefix(HEADER).expect("a header").lines().collect();
        assert_eq!((lines.len(), lines[0]), (2, format!("{date},20,,,,,,").as_str()));
    }

    #[actix_web::test]
    async fn what_was_shown_stays_whatever_happens_later() {
        let (mut desk, key, noon) = at_noon().await;
        issue(&desk, 25).await;
        desk.clock.set_offset(noon + 86_400);
        let shown = days(&desk, &key).await;
        assert_eq!(shown[0]["data"]["codes_issued"], 20);
        // Another threshold is for days that nobody has seen.
        desk.state = desk.state.clone().with_threshold("50".parse().expect("a threshold"));
        issue(&desk, 49).await;
        desk.clock.set_offset(noon + 2 * 86_400);
        while crate::purge(&desk.state).await.expect("purged").rows > 0 {}
        let later = days(&desk, &key).await;
        assert_eq!(later[1..], shown);
        assert_eq!(later[0]["data"]["codes_issued"], Value::Null);
        // The counts themselves are gone with the next purge.
        crate::purge(&desk.state).await.expect("purged");
        let over = Day::containing(desk.state.now()).plus(-1);
        assert!(desk.state.store().counts("no", over.plus(-9), over).await.expect("read").is_empty());
        assert_eq!(days(&desk, &key).await, later);
    }

    #[actix_web::test]
    async fn nobody_has_to_look_for_a_day_to_be_kept_and_none_is_kept_for_ever() {
        let (desk, key, noon) = at_noon().await;
        issue(&desk, 12).await;
        desk.clock.set_offset(noon + 86_400);
        freeze_all(desk.state.as_ref(), desk.state.threshold()).await.expect("frozen");
        crate::purge(&desk.state).await.expect("purged");
        desk.clock.set_offset(noon + 50 * 86_400);
        let shown = days(&desk, &key).await;
        assert_eq!((shown.len(), &shown[49]["data"]["codes_issued"]), (51, &json!(10)));
        desk.clock.set_offset(noon + i64::from(KEPT + 1) * 86_400);
        assert_eq!(days(&desk, &key).await.len(), 90, "so many are shown");
        crate::purge(&desk.state).await.expect("purged");
        let first = Day::containing(desk.state.now()).plus(-KEPT);
        let kept = desk.state.store().statistics("no", first.plus(-9)).await.expect("read");
        assert_eq!((kept[0].day, kept.len()), (first, KEPT as usize));
    }

    #[actix_web::test]
    async fn only_a_stats_key_opens_them_and_only_its_own_authoritys() {
        let (mut desk, key, noon) = at_noon().await;
        issue(&desk, 12).await;
        crate::handlers::fixture_test::authority(&desk.state, "se", false).await;
        let other = admin::create_api_key(&desk.state, "se", ApiKeyKind::Stats).await.expect("a key");
        desk.clock.set_offset(noon + 86_400);
        assert_eq!(days(&desk, &key).await[0]["data"]["codes_issued"], 10);
        assert_eq!(days(&desk, other.as_str()).await[0]["data"]["codes_issued"], Value::Null);
        for path in [JSON, CSV] {
            for wrong in [&desk.admin, &desk.device, "", "no.stats."] {
                let (status, text) = desk.look(path, wrong).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
                assert!(text.contains("\"unauthorized\""));
            }
        }
        // Looking may write, if it is the first look.
        let state = desk.state.clone();
        desk.state = state.clone().with_maintenance(true);
        assert_eq!(desk.look(CSV, &key).await.0, StatusCode::TOO_MANY_REQUESTS);
        desk.state = state;
        admin::disable_authority(&desk.state, "no").await.expect("disabled");
        assert_eq!(desk.look(CSV, &key).await.0, StatusCode::FORBIDDEN);
    }
}
