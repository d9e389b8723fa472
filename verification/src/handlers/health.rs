//! `GET /health` and `GET /readyz`, called by operators and load balancers: does the service answer, and its database too? `GET /healthz` asks nobody, see
//! [`service::alive`].

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::state::State;

/// 200 if the database answers, 503 if not.
pub(crate) async fn health(state: Data<State>) -> HttpResponse {
    state.health().health(state.store().ping().await)
}

/// The same, but 503 also once the service was told to stop.
pub(crate) async fn readyz(state: Data<State>) -> HttpResponse {
    state.health().ready(state.store().ping().await)
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;

    use super::*;
    use crate::handlers::fixture_test::Desk;

    #[actix_web::test]
    async fn a_service_with_a_database_is_well() {
        let desk = Desk::open().await;
        assert_eq!(health(Data::new(desk.state.clone())).await.status(), StatusCode::OK);
    }

    #[actix_web::test]
    async fn a_service_that_was_told_to_stop_is_well_and_asks_for_nothing_more() {
        let desk = Desk::open().await;
        let state = || Data::new(desk.state.clone());
        assert_eq!(readyz(state()).await.status(), StatusCode::OK);
        desk.state.health().drain();
        assert_eq!(readyz(state()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(health(state()).await.status(), StatusCode::OK);
    }
}
