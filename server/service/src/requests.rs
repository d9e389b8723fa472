//! Requests as operators see them: by route and outcome, how long the work took, and what was refused and why.
//!
//! All of it is published in steps, and none of it says whose request it was, what was in it or when it came. Routes are those of the list of routes: a
//! word that stands in a path by itself, such as an authority's name, is `{authority}`, and what nobody knows is `other`.

use std::sync::Arc;
use std::time::Instant as Clock;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use proto::api::CHAFF_HEADER;

use crate::failures::{Failed, Failures};
use crate::health::HEALTH_PATHS;
use crate::metrics::{Histograms, Metrics, SteppedFamily};
use crate::raster::Arrival;

/// How long work takes, in seconds: half of a tick (0.25) and a tick (0.5) among them, from which on answers are late.
const DURATIONS: &[f64] = &[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// The route of a path that is none of ours.
const OTHER: &str = "other";

/// What is counted of requests.
pub struct RequestMetrics {
    requests: SteppedFamily,
    durations: Histograms,
    refused: SteppedFamily,
    failures: Arc<Failures>,
}

/// The state of a service whose requests are counted.
pub trait HasRequestMetrics: 'static {
    /// Where.
    fn request_metrics(&self) -> &RequestMetrics;
}

/// Why a request was refused: attached to the reply that says so, and counted on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The code that the sender is told.
    pub code: &'static str,
    /// What the sender is not told, nothing if there is no more to it.
    pub reason: &'static str,
}

impl RequestMetrics {
    /// Registers all of them under a program's prefix. On each of these routes none has failed yet, which is shown from the start: the first failures are
    /// to be seen as such, however many they are. Why requests failed is logged with each step, too.
    pub fn register<'a>(metrics: &Metrics, prefix: &str, routes: impl IntoIterator<Item = &'a &'static str>) -> Self {
        let name = |name: &str| format!("{prefix}_{name}");
        let failures = Arc::new(Failures::default());
        let told = Arc::clone(&failures);
        metrics.before_steps(move || told.tell());
        let requests = metrics.stepped_family(
            &name("requests"),
            "Requests that reached a route and were no chaff, by how they ended: done, refused, limited (429), failed",
            &["route", "outcome"],
        );
        let counted = routes.into_iter().filter(|route| !HEALTH_PATHS.contains(route));
        counted.for_each(|route| requests.show(&[route, "failed"]));
        // What is registered from here on publishes these.
        Self {
            requests,
            durations: metrics.stepped_histograms(
                &name("request_duration_seconds"),
                "How long their work took, from the last byte of the request to the answer, which then waits for its tick",
                &["route"],
                DURATIONS,
            ),
            refused: metrics.stepped_family(
                &name("refused"),
                "Those that were refused, by the code of the answer and, for certificates, by the reason that is not told",
                &["code", "reason"],
            ),
            failures,
        }
    }
}

/// Counts requests on their way out. To be wrapped around the routes themselves, behind limits and the door of the gateway, so that what was sealed
/// counts like what was not. Chaff and questions about health are not counted.
///
/// # Errors
/// Those of `next`; the routes have none, they answer with problems.
pub async fn counted<S: HasRequestMetrics>(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<Data<S>>().cloned() else { return next.call(request).await };
    let is_counted = !request.headers().contains_key(CHAFF_HEADER) && !HEALTH_PATHS.contains(&request.path());
    let began = Clock::now();
    let answer = next.call(request).await?;
    if let Some(failed) = answer.response().extensions().get::<Failed>() {
        state.request_metrics().failures.note(failed);
    }
    if is_counted {
        let arrived = answer.request().extensions().get::<Arrival>().map(|arrival| arrival.last().into_std());
        state.request_metrics().count(&answer, arrived.unwrap_or(began));
    }
    Ok(answer)
}

impl RequestMetrics {
    fn count(&self, answer: &ServiceResponse<BoxBody>, arrived: Clock) {
        let route = answer.request().match_pattern();
        let route = route.as_deref().unwrap_or(OTHER);
        let outcome = match answer.status().as_u16() {
            429 => "limited",
            400..=499 => "refused",
            500.. => "failed",
            _ => "done",
        };
        self.requests.count(&[route, outcome]);
        self.durations.note(&[route], arrived.elapsed());
        if let Some(refused) = answer.response().extensions().get::<Refused>() {
            self.refused.count(&[refused.code, refused.reason]);
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse, web};

    use super::*;

    struct House(RequestMetrics);

    impl HasRequestMetrics for House {
        fn request_metrics(&self) -> &RequestMetrics {
            &self.0
        }
    }

    async fn answer(status: web::Path<u16>) -> HttpResponse {
        let mut reply = HttpResponse::build(StatusCode::from_u16(*status).expect("a status"));
        let reply = reply.finish();
        if *status == 401 {
            let mut reply = reply;
            reply.extensions_mut().insert(Refused { code: "stranger", reason: "signature" });
            return reply;
        }
        reply
    }

    #[actix_web::test]
    async fn requests_are_counted_by_route_and_outcome_and_chaff_is_not() {
        let metrics = Metrics::default();
        let house = Data::new(House(RequestMetrics::register(&metrics, "x", &["/is/{status}", "/waits", "/health"])));
        let unasked = "x_requests_total{route=\"/waits\",outcome=\"failed\"} 0\n";
        assert!(metrics.render().contains(unasked), "{}", metrics.render());
        let routes = web::scope("")
            .service(web::resource("/is/{status}").to(answer))
            .route("/health", web::to(HttpResponse::Ok));
        let routes = routes.default_service(web::to(HttpResponse::NotFound));
        let app = init_service(App::new().app_data(house).service(routes.wrap(from_fn(counted::<House>)))).await;
        let asked = ["/is/200", "/is/200", "/is/401", "/is/429", "/is/503", "/nowhere/anna", "/health"];
        for path in asked {
            call_service(&app, TestRequest::get().uri(path).to_request()).await;
            call_service(&app, TestRequest::get().uri(path).insert_header((CHAFF_HEADER, "1")).to_request()).await;
        }
        assert!(!metrics.render().contains("outcome=\"done\""), "not before the step");
        metrics.step();
        let text = metrics.render();
        for (route, outcome, count) in [
            ("/is/{status}", "done", 2),
            ("/is/{status}", "refused", 1),
            ("/is/{status}", "limited", 1),
            ("/is/{status}", "failed", 1),
            ("other", "refused", 1),
        ] {
            let line = format!("x_requests_total{{route=\"{route}\",outcome=\"{outcome}\"}} {count}\n");
            assert!(text.contains(&line), "{line}{text}");
        }
        assert_eq!(text.matches("x_requests_total{").count(), 6, "{text}");
        assert!(text.contains("x_request_duration_seconds_count{route=\"/is/{status}\"} 5\n"), "{text}");
        assert!(text.contains("x_refused_total{code=\"stranger\",reason=\"signature\"} 1\n"), "{text}");
        assert!(!text.contains("anna"));
    }
}
