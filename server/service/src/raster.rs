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
//! When work takes more than half of a tick, all answers leave a tick later for a while, see `pace`: a tick that some answers miss and others do not would
//! tell them apart after all.
//!
//! Whatever waits for its tick has done its work: it holds its 4,096 bytes and no connection to a database.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use crate::metrics::{Metrics, SteppedCounter};
use crate::pace::Pace;
use crate::path::is_instance;
use crate::uniform::make_uniform;

/// When answers leave.
pub struct Raster {
    tick: Duration,
    exempt: &'static [&'static str],
    pace: Pace,
    replies: SteppedCounter,
    overruns: SteppedCounter,
}

/// The state of a service whose answers leave on a raster.
pub trait HasRaster: 'static {
    /// The raster.
    fn raster(&self) -> &Raster;
}

/// When the last byte of a request arrived, as far as anybody has read it, and whether there are more to come.
#[derive(Clone)]
pub(crate) struct Arrival(Rc<Cell<(Instant, bool)>>);

impl Raster {
    /// A raster of this tick; zero switches it off. The answers of all paths leave on it but those of the `exempt` ones, which are not for phones: whoever
    /// forgets to name a path is on the safe side. What is counted is called `{prefix}_replies` and `{prefix}_tick_overruns`.
    pub fn new(tick: Duration, exempt: &'static [&'static str], metrics: &Metrics, prefix: &str) -> Self {
        let [replies] = metrics.stepped(&format!("{prefix}_replies"), "Answers to phones", [&[]]);
        let help = "Answers to phones that took longer than a tick, so that all left later for a while";
        let [overruns] = metrics.stepped(&format!("{prefix}_tick_overruns"), help, [&[]]);
        Self { tick, exempt, pace: Pace::new(), replies, overruns }
    }

    /// The same with another tick.
    #[must_use]
    pub fn with_tick(&self, tick: Duration) -> Self {
        let (replies, overruns) = (self.replies.clone(), self.overruns.clone());
        Self { tick, exempt: self.exempt, pace: Pace::new(), replies, overruns }
    }

    fn covers(&self, path: &str) -> bool {
        !self.exempt.iter().any(|template| is_instance(path, template))
    }

    /// Waits for what answers a request, and slows all others down while it takes long.
    async fn work<T>(&self, arrival: &Arrival, answer: impl Future<Output = T>) -> T {
        let mut answer = std::pin::pin!(answer);
        let mut ticks = 1;
        while !self.tick.is_zero() {
            let late = arrival.last() + self.tick * ticks - self.tick / 2;
            // While a body is still on its way nothing is late, however slow its sender is.
            let look = if arrival.is_whole() { late } else { Instant::now() + self.tick / 8 };
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                () = sleep_until(look) => {}
            }
            if arrival.is_whole() && Instant::now() >= late.max(arrival.last() + self.tick * ticks - self.tick / 2) {
                ticks += 1;
                self.pace.slow_down(ticks, Instant::now());
            }
        }
        answer.await
    }

    /// Waits for the first tick after the request at which its answer may leave.
    async fn wait(&self, arrived: Instant) {
        self.replies.count();
        if self.tick.is_zero() {
            return;
        }
        let mut ticks = self.pace.ticks(Instant::now());
        if Instant::now() > arrived + self.tick {
            self.overruns.count();
        }
        while Instant::now() > arrived + self.tick * ticks {
            ticks += 1;
        }
        loop {
            sleep_until(arrived + self.tick * ticks).await;
            // Something may have taken long meanwhile: then this answer keeps it company.
            let wanted = self.pace.ticks(Instant::now());
            if wanted <= ticks {
                return;
            }
            ticks = wanted;
        }
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
    // For whoever measures how long the work takes.
    request.extensions_mut().insert(arrival.clone());
    let mut answer = state.raster().work(&arrival, next.call(request)).await?;
    make_uniform(answer.response_mut());
    state.raster().wait(arrival.last()).await;
    Ok(answer)
}

impl Arrival {
    /// The head has just arrived; each piece of the body that is read arrives later.
    fn watch(request: &mut ServiceRequest) -> Self {
        let body = request.take_payload();
        let is_whole = matches!(body, Payload::None);
        let arrival = Self(Rc::new(Cell::new((Instant::now(), is_whole))));
        if !is_whole {
            let (last, end) = (arrival.clone(), arrival.clone());
            // What breaks off comes to its end, too.
            let watched = body.inspect(move |piece| last.0.set((Instant::now(), piece.is_err())));
            let ended = stream::poll_fn(move |_| {
                end.0.set((end.last(), true));
                Poll::Ready(None)
            });
            request.set_payload(Payload::Stream { payload: Box::pin(watched.chain(ended)) });
        }
        arrival
    }

    /// When.
    pub(crate) fn last(&self) -> Instant {
        self.0.get().0
    }

    fn is_whole(&self) -> bool {
        self.0.get().1
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
    async fn what_takes_less_than_half_a_tick_leaves_after_one() {
        let (post, metrics) = post(500);
        for millis in [0, 1, 50, 249] {
            assert_eq!(time(&post, millis, &[0]).await, 500, "{millis} ms of work");
            // The next one comes at another time of whatever clock: its ticks are its own.
            sleep(Duration::from_millis(130)).await;
        }
        metrics.step();
        let shown = metrics.render();
        assert!(shown.contains("x_replies_total{} 4\n") && shown.contains("x_tick_overruns_total{} 0\n"), "{shown}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_leaves_at_a_later_tick_and_is_counted() {
        for (millis, ticks, overruns) in
            [(251, 2, 0), (501, 2, 1), (749, 2, 1), (999, 3, 1), (1_700, 4, 1), (9_990, 20, 1)]
        {
            let (post, metrics) = post(500);
            assert_eq!(time(&post, millis, &[0]).await, ticks * 500, "{millis} ms of work");
            metrics.step();
            assert!(
                metrics.render().contains(&format!("x_tick_overruns_total{{}} {overruns}\n")),
                "{millis} ms of work"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_would_be_late_is_in_the_company_of_all_who_asked_then() {
        let (post, _) = post(500);
        let later = async |pause: u64, millis: u64| {
            sleep(Duration::from_millis(pause)).await;
            time(&post, millis, &[0]).await
        };
        // One that is slow, three that are not: an answer that was about to leave when the other had taken half a tick, and two after it.
        let taken = tokio::join!(later(0, 0), later(249, 600), later(250, 0), later(400, 10), later(700, 0));
        assert_eq!(taken, (1_000, 1_000, 1_000, 1_000, 1_000));
        assert_eq!(time(&post, 0, &[0]).await, 1_000, "for a while");
        sleep(Duration::from_secs(30)).await;
        assert_eq!(time(&post, 0, &[0]).await, 500);
    }

    #[tokio::test(start_paused = true)]
    async fn however_slow_something_is_the_others_wait_for_four_ticks_at_most() {
        let (post, _) = post(500);
        assert_eq!(time(&post, 20_100, &[0]).await, 20_500);
        assert_eq!(time(&post, 0, &[0]).await, 2_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_network_is_no_overrun_and_moves_no_answer_from_its_tick() {
        let (post, metrics) = post(500);
        for pauses in [&[0, 490][..], &[0, 0, 499], &[0, 300, 300, 300], &[2_000]] {
            let arrived: u64 = pauses.iter().sum();
            for millis in [0, 50, 249] {
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
