//! Whether a service works, for operators and load balancers: `GET /health`, `GET /healthz` and `GET /readyz`.
//!
//! | path | 200 as long as | for |
//! |---|---|---|
//! | `/healthz` | the process answers | starting it anew where it does not |
//! | `/readyz` | its database answers, and it was not told to stop | sending it requests |
//! | `/health` | its database answers | whoever looks |

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ContentType};

/// The paths, for a service to be asked for without waiting and without end.
pub const HEALTH_PATHS: [&str; 3] = ["/health", "/healthz", "/readyz"];

/// What is known of a service's health. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// It was told to stop: what is under way is finished, and nothing more should be sent.
    is_draining: AtomicBool,
    /// Its database did not answer when somebody asked last. Said once, and not for each question.
    is_unavailable: AtomicBool,
}

impl Health {
    /// Has `/readyz` say from now on that nothing more should be sent.
    pub fn drain(&self) {
        self.inner.is_draining.store(true, Ordering::SeqCst);
    }

    /// What `/health` answers: 200 `{"status":"ok"}` if the database answered, else 503 `{"status":"unavailable"}`, with the reason in the log.
    pub fn health(&self, database: Result<(), impl Display>) -> HttpResponse {
        ready(self.note(database))
    }

    /// What `/readyz` answers: the same, but 503 also once the service was told to stop.
    pub fn ready(&self, database: Result<(), impl Display>) -> HttpResponse {
        let answers = self.note(database);
        ready(answers && !self.inner.is_draining.load(Ordering::SeqCst))
    }

    /// Whether the database answered. A change is logged.
    fn note(&self, database: Result<(), impl Display>) -> bool {
        let was_unavailable = self.inner.is_unavailable.swap(database.is_err(), Ordering::SeqCst);
        match &database {
            Err(error) if !was_unavailable => tracing::error!(%error, "the database does not answer"),
            Ok(()) if was_unavailable => tracing::info!("the database answers again"),
            _ => {}
        }
        database.is_ok()
    }
}

/// What `/healthz` answers: the process is there.
pub async fn alive() -> HttpResponse {
    ready(true)
}

/// 200 or 503, in JSON.
pub(crate) fn ready(is_ready: bool) -> HttpResponse {
    let (mut reply, body) = if is_ready {
        (HttpResponse::Ok(), r#"{"status":"ok"}"#)
    } else {
        (HttpResponse::ServiceUnavailable(), r#"{"status":"unavailable"}"#)
    };
    reply.content_type(ContentType::json()).insert_header((CACHE_CONTROL, "no-store")).body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_was_told_to_stop_is_healthy_and_not_ready() {
        let health = Health::default();
        let both = |health: &Health, database: Result<(), &str>| {
            [health.health(database), health.ready(database)].map(|reply| reply.status().as_u16())
        };
        assert_eq!(both(&health, Ok(())), [200, 200]);
        assert_eq!(both(&health, Err("gone")), [503, 503]);
        assert_eq!(both(&health, Ok(())), [200, 200]);
        health.clone().drain();
        assert_eq!(both(&health, Ok(())), [200, 503]);
    }
}
