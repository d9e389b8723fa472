//! `GET /health`, called by operators and load balancers: does the service answer, and its database too?

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::state::State;

/// 200 if the database answers, 503 if not.
pub(crate) async fn health(state: Data<State>) -> HttpResponse {
    service::health(state.store().ping().await)
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
}
