//! `GET /health`, for operators and load balancers.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::Data;

use crate::state::State;

/// 200 if the database answers, 503 if not.
pub(crate) async fn health(state: Data<State>) -> HttpResponse {
    let (mut reply, body) = match state.store().ping().await {
        Ok(()) => (HttpResponse::Ok(), r#"{"status":"ok"}"#),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            (HttpResponse::ServiceUnavailable(), r#"{"status":"the database does not answer"}"#)
        }
    };
    reply.content_type(ContentType::json()).insert_header((CACHE_CONTROL, "no-store")).body(body)
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
