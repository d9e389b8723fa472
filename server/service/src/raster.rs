//! Answers that leave on a raster, so that how long they took tells nothing.
//!
//! Whoever watches a phone's connection sees when a request ended and when its answer began. What lies between would tell an upload that was stored
//! from one that was refused, and both from chaff. So every answer of a route for phones leaves a whole number of ticks after the last byte of its
//! request arrived: one tick if the work took less, whatever the work was.
//!
//! The ticks are the request's own and not those of a clock on the wall. Were they a clock's, an answer that took 50 ms longer would miss the
//! next of them a tenth more often than others, and a few hundred answers would show it. They begin at the last byte and not at the first for the same
//! reason: when a slow network brings a body in pieces, the first byte has no fixed distance to the moment at which work can begin.
//!
//! Whatever waits for its tick has done its work: it holds its 4,096 bytes and no connection to a database.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until};

use crate::metrics::{Metrics, SteppedCounter};
use crate::path::is_instance;
use crate::uniform::make_uniform;

/// When answers leave.
pub struct Raster {
    tick: Duration,
    exempt: &'static [&'static str],
    replies: SteppedCounter,
    overruns: SteppedCounter,
}

/// The state of a service whose answers leave on a raster.
pub trait HasRaster: 'static {
    /// The raster.
    fn raster(&self) -> &Raster;
}

/// When the last byte of a request arrived, as far as anybody has read it.
#[derive(Clone)]
struct Arrival(Rc<Cell<Instant>>);

impl Raster {
    /// A raster of this tick; zero switches it off. The answers of all paths leave on it but those of the `exempt` ones, which are not for phones: whoever
    /// forgets to name a path is on the safe side. What is counted is called `{prefix}_replies` and `{prefix}_tick_overruns`.
    pub fn new(tick: Duration, exempt: &'static [&'static str], metrics: &Metrics, prefix: &str) -> Self {
        let [replies] = metrics.stepped(&format!("{prefix}_replies"), "Answers to phones", [&[]]);
        let help = "Answers to phones that took longer than a tick and left at a later one, which may be seen";
        let [overruns] = metrics.stepped(&format!("{prefix}_tick_overruns"), help, [&[]]);
        Self { tick, exempt, replies, overruns }
    }

    /// The same with another tick.
    #[must_use]
    pub fn with_tick(&self, tick: Duration) -> Self {
        let (replies, overruns) = (self.replies.clone(), self.overruns.clone());
        Self { tick, exempt: self.exempt, replies, overruns }
    }

    fn covers(&self, path: &str) -> bool {
        !self.exempt.iter().any(|template| is_instance(path, template))
    }

    /// Waits for the first tick after the request at which the answer may leave.
    async fn wait(&self, arrived: Instant) {
        self.replies.count();
        if self.tick.is_zero() {
            return;
        }
        let mut leaves = arrived + self.tick;
        let ready = Instant::now();
        if ready > leaves {
            self.overruns.count();
        }
        while ready > leaves {
            leaves += self.tick;
        }
        sleep_until(leaves).await;
    }
}

/// Stands before everything else of a service: to be wrapped around its routes last, so that refusals of limits and of the gateway wait, too.
///
/// # Errors
/// Those of `next`; the routes have none, they answer with problems.
pub async fn raster<S: HasRaster>(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<Data<S>>().cloned() else { return next.call(request).await };
    if !state.raster().covers(request.path()) {
        return next.call(request).await;
    }
    let arrival = Arrival::watch(&mut request);
    let mut answer = next.call(request).await?;
    make_uniform(answer.response_mut());
    state.raster().wait(arrival.0.get()).await;
    Ok(answer)
}

impl Arrival {
    /// The head has just arrived; each piece of the body that is read arrives later.
    fn watch(request: &mut ServiceRequest) -> Self {
        let arrival = Self(Rc::new(Cell::new(Instant::now())));
        let body = request.take_payload();
        if matches!(body, Payload::None) {
            return arrival;
        }
        let last = arrival.clone();
        let watched = body.inspect(move |_| last.0.set(Instant::now()));
        request.set_payload(Payload::Stream { payload: Box::pin(watched) });
        arrival
    }
}

#[cfg(test)]
mod tests {
    use actix_web::error::PayloadError;
    use actix_web::http::StatusCode;
    use actix_web::http::header::RETRY_AFTER;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::web::{self, Bytes};
    use actix_web::{App, HttpRequest, HttpResponse};
    use futures_util::stream;
    use tokio::time::sleep;

    use super::*;
    use crate::{Unheard, body};

    /// A service with this raster.
    struct Post(Raster);

    impl HasRaster for Post {
        fn raster(&self) -> &Raster {
            &self.0
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("refused")]
    struct Refused(#[from] Unheard);

    impl actix_web::ResponseError for Refused {
        fn status_code(&self) -> StatusCode {
            self.0.status()
        }
    }

    impl actix_web::Responder for Refused {
        type Body = BoxBody;

        fn respond_to(self, _: &HttpRequest) -> HttpResponse {
            actix_web::ResponseError::error_response(&self)
        }
    }

    /// Works for as long as the path says.
    async fn work(millis: web::Path<u64>, request: HttpRequest, body: web::Payload) -> HttpResponse {
        let read = body::read(&request, body.into_inner()).await;
        sleep(Duration::from_millis(*millis)).await;
        if read.is_ok() { HttpResponse::Ok().finish() } else { HttpResponse::BadRequest().finish() }
    }

    /// A service whose tick takes so long, and what it counts.
    fn post(tick: u64) -> (Data<Post>, Metrics) {
        let metrics = Metrics::default();
        let raster = Raster::new(Duration::from_millis(tick), &["/staff/{who}"], &metrics, "x");
        (Data::new(Post(raster)), metrics)
    }

    /// How long the answer to a request takes, and what it is. The body arrives in pieces, each so many milliseconds after the one before.
    async fn ask(post: &Data<Post>, request: TestRequest, pauses: &'static [u64]) -> (u64, HttpResponse) {
        let routes = web::scope("")
            .service(web::resource("/work/{millis}").route(web::post().to(work)))
            .service(web::resource("/staff/{millis}").route(web::post().to(work)))
            .default_service(web::to(crate::unknown_path::<Refused>));
        let app = App::new().app_data(post.clone()).service(routes.wrap(from_fn(raster::<Post>)));
        let app = init_service(app).await;
        let pieces = stream::iter(pauses).then(|&pause| async move {
            sleep(Duration::from_millis(pause)).await;
            Ok::<_, PayloadError>(Bytes::from_static(b"x"))
        });
        let mut request = request.to_request();
        *request.payload() = Payload::Stream { payload: Box::pin(pieces) };
        let asked = Instant::now();
        let answer = call_service(&app, request).await;
        (u64::try_from(asked.elapsed().as_millis()).expect("short"), answer.into_parts().1)
    }

    /// How long the answer takes to a request for so much work.
    async fn time(post: &Data<Post>, millis: u64, pauses: &'static [u64]) -> u64 {
        let request = TestRequest::post().uri(&format!("/work/{millis}"));
        let (taken, answer) = ask(post, request, pauses).await;
        assert_eq!(answer.status(), StatusCode::OK);
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_less_than_a_tick_leaves_after_one() {
        let (post, metrics) = post(500);
        for millis in [0, 1, 50, 499, 500] {
            assert_eq!(time(&post, millis, &[0]).await, 500, "{millis} ms of work");
            // The next one comes at another time of whatever clock: its ticks are its own.
            sleep(Duration::from_millis(130)).await;
        }
        metrics.step();
        let shown = metrics.render();
        assert!(shown.contains("x_replies_total{} 5\n") && shown.contains("x_tick_overruns_total{} 0\n"), "{shown}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_leaves_at_a_later_tick_and_is_counted() {
        let (post, metrics) = post(500);
        for (millis, ticks) in [(501, 2), (999, 2), (1_001, 3), (9_990, 20)] {
            assert_eq!(time(&post, millis, &[0]).await, ticks * 500, "{millis} ms of work");
        }
        metrics.step();
        let shown = metrics.render();
        assert!(shown.contains("x_replies_total{} 4\n") && shown.contains("x_tick_overruns_total{} 4\n"), "{shown}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_network_is_no_overrun_and_moves_no_answer_from_its_tick() {
        let (post, metrics) = post(500);
        for pauses in [&[0, 490][..], &[0, 0, 499], &[0, 300, 300, 300], &[2_000]] {
            let arrived: u64 = pauses.iter().sum();
            for millis in [0, 50, 499] {
                let taken = time(&post, millis, pauses).await;
                assert_eq!(taken, arrived + 500, "{millis} ms of work after {arrived} ms");
            }
        }
        metrics.step();
        assert!(metrics.render().contains("x_tick_overruns_total{} 0\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn every_path_but_those_that_are_named_is_on_the_raster_and_has_the_headers_of_all() {
        let (post, _) = post(500);
        for (path, status) in [("/work/0", 200), ("/work/x", 404), ("/nowhere", 404), ("/staff/0/more", 404)] {
            let (taken, answer) = ask(&post, TestRequest::post().uri(path), &[0]).await;
            assert_eq!((taken, answer.status().as_u16()), (500, status), "{path}");
            assert!(answer.headers().contains_key(RETRY_AFTER), "{path}");
        }
        let (taken, answer) = ask(&post, TestRequest::post().uri("/staff/7"), &[0]).await;
        assert_eq!((taken, answer.headers().contains_key(RETRY_AFTER)), (7, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_tick_of_nothing_switches_the_raster_off() {
        let (post, metrics) = post(0);
        for millis in [0, 7, 700] {
            assert_eq!(time(&post, millis, &[0]).await, millis);
        }
        metrics.step();
        let shown = metrics.render();
        assert!(shown.contains("x_replies_total{} 3\n") && shown.contains("x_tick_overruns_total{} 0\n"), "{shown}");
    }
}
