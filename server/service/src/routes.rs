//! Handlers for what no route takes.

use actix_web::HttpRequest;
use actix_web::web::Payload;

use crate::body;
use crate::unheard::Unheard;

/// Refuses a path that nobody knows. For the default service of an application.
pub async fn unknown_path<P: From<Unheard>>(request: HttpRequest, body: Payload) -> P {
    refuse(&request, body, Unheard::UnknownPath).await
}

/// Refuses a method that a path does not take. For the default service of a resource. No `Allow` header is sent: every reply to a phone has
/// the same header names.
pub async fn wrong_method<P: From<Unheard>>(request: HttpRequest, body: Payload) -> P {
    refuse(&request, body, Unheard::WrongMethod).await
}

/// Reads a body that nobody asked for, so that the connection may be kept and the answer has the same headers as any other.
async fn refuse<P: From<Unheard>>(request: &HttpRequest, body: Payload, why: Unheard) -> P {
    body::discard(request, body.into_inner()).await;
    why.into()
}
