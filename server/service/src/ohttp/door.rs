//! `POST /ohttp`, called by relays: a sealed request goes in, its sealed reply comes out.

use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use actix_web::http::{Method, Uri};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};
use proto::ohttp::{InnerReply, InnerRequest, Opened, REQUEST_MEDIA_TYPE, RESPONSE_MEDIA_TYPE};

use super::gateway::{Gateway, HasGateway, MOST};
use super::refusal::Refusal;
use crate::body;
use crate::unheard::Unheard;

/// The path of the gateway.
const PATH: &str = "/ohttp";
/// What counts of the headers that were sealed, as Binary HTTP spells them: the media type, the key of
/// [`API_KEY_HEADER`](proto::api::verification::API_KEY_HEADER), the proof of [`PROOF_HEADER`](proto::api::self_reports::PROOF_HEADER), and whether it is
/// chaff, see [`CHAFF_HEADER`](proto::api::CHAFF_HEADER).
const INNER: [&str; 4] = ["content-type", "x-api-key", "x-proof-of-work", "x-chaff"];
/// What belongs to the envelope and not to what is in it.
const OUTER: [HeaderName; 5] = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING, EXPECT];

/// Stands before the routes: what is sealed goes on to them as if a phone had sent it here, and their answer goes back sealed. Everything
/// else passes as it came. To be wrapped around the scope that has the routes.
///
/// Of the sealed request's headers its media type, its API key, its proof of work and whether it is chaff count. Where a request comes from is said by the connection and by the
/// envelope's headers, so behind the gateway everybody has the relay's address.
///
/// # Errors
/// Those of `next`; the routes have none, they answer with problems.
pub async fn door<S: HasGateway, P: From<Unheard> + ResponseError>(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<Data<S>>().cloned();
    match state.as_ref().and_then(|state| state.gateway()) {
        Some(gateway) if request.method() == Method::POST && request.path() == PATH => {
            pass::<P>(gateway, request, next).await
        }
        _ => next.call(request).await,
    }
}

async fn pass<P: From<Unheard> + ResponseError>(
    gateway: &Gateway,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let opened = match receive(gateway, &mut request).await {
        Ok(opened) => opened,
        Err(refusal) => return Ok(request.into_response(refusal.reply())),
    };
    let Opened { message, reply } = opened;
    let answer = match gateway.admit(&message).and_then(|inner| put_in_place(&mut request, inner)) {
        Ok(()) => next.call(request).await?,
        Err(unheard) => request.into_response(P::from(unheard).error_response()),
    };
    let (outer, answer) = answer.into_parts();
    let sealed = gateway.seal(&to_inner(answer).await, reply);
    let mut response = HttpResponse::Ok();
    response.content_type(RESPONSE_MEDIA_TYPE).insert_header((CACHE_CONTROL, "no-store"));
    Ok(ServiceResponse::new(outer, response.body(sealed)))
}

/// Reads an envelope to its end, whatever is wrong with it, and opens it.
async fn receive(gateway: &Gateway, request: &mut ServiceRequest) -> Result<Opened, Refusal> {
    let payload = request.take_payload();
    let envelope = body::read_up_to(request.request(), MOST, payload).await.map_err(Refusal::Unheard)?;
    if !body::says(request.headers(), REQUEST_MEDIA_TYPE) {
        return Err(Refusal::NotSealed);
    }
    gateway.unseal(&envelope)
}

/// Makes the request the one that was in the envelope.
fn put_in_place(request: &mut ServiceRequest, inner: InnerRequest) -> Result<(), Unheard> {
    let method = Method::from_bytes(inner.method.as_bytes()).map_err(|_| Unheard::NotBinaryHttp)?;
    let names = INNER.map(HeaderName::from_static);
    let headers = names.each_ref().map(|name| {
        let value = inner.header(name.as_str()).map(HeaderValue::from_bytes).transpose();
        value.map(|value| (name.clone(), value))
    });
    let uri = Uri::try_from(inner.path.as_str()).map_err(|_| Unheard::NotBinaryHttp)?;
    request.match_info_mut().get_mut().update(&uri);
    let head = request.head_mut();
    (head.method, head.uri) = (method, uri);
    for name in OUTER.iter().chain(&names) {
        head.headers.remove(name);
    }
    for header in headers {
        let (name, value) = header.map_err(|_| Unheard::NotBinaryHttp)?;
        value.map(|value| head.headers.insert(name, value));
    }
    request.set_payload(Payload::from(Bytes::from(inner.body)));
    Ok(())
}

async fn to_inner(answer: HttpResponse) -> InnerReply {
    let headers = answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let (status, headers) = (answer.status().as_u16(), headers.collect());
    // The bodies of our routes are in memory as a whole, so reading them does not fail.
    let body = to_bytes(answer.into_body()).await.unwrap_or_default();
    InnerReply { status, headers, body: body.to_vec() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::http::StatusCode;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, HttpRequest, web};
    use proto::Timestamp;
    use proto::ohttp::{ReplyOpener, decode_keys, seal_request};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::ohttp::{Outside, SEALED_REPLY_BYTES, create};

    /// A service with a gateway, unless it has none.
    struct House(Option<Gateway>, tempfile::TempDir);

    impl HasGateway for House {
        fn gateway(&self) -> Option<&Gateway> {
            self.0.as_ref()
        }
    }

    #[derive(Debug)]
    struct Refused(Unheard);

    impl std::fmt::Display for Refused {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt(f)
        }
    }

    impl From<Unheard> for Refused {
        fn from(why: Unheard) -> Self {
            Self(why)
        }
    }

    impl ResponseError for Refused {
        fn status_code(&self) -> StatusCode {
            self.0.status()
        }
    }

    fn rng() -> StdRng {
        StdRng::seed_from_u64(7)
    }

    fn house() -> House {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keys");
        create(&path, &mut rng()).expect("a key");
        let outside = Outside { now: Arc::new(|| Timestamp::from_unix(0)), chance: || Box::new(rng()) };
        House(Some(Gateway::open(&path, &["/echo", "/long"], outside).expect("opens")), directory)
    }

    /// What a route sees of a request.
    async fn echo(request: HttpRequest, body: Bytes) -> String {
        let mut headers: Vec<String> =
            request.headers().iter().map(|(name, value)| format!("{name}={}", value.to_str().expect("text"))).collect();
        headers.sort();
        let peer = request.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default();
        format!("{} {} {peer} {headers:?} {}", request.method(), request.uri(), body.len())
    }

    async fn long() -> String {
        "x".repeat(SEALED_REPLY_BYTES)
    }

    fn inner(path: &str, headers: &[(&str, &str)]) -> InnerRequest {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        InnerRequest { method: "POST".to_owned(), path: path.to_owned(), headers, body: vec![b'x'; 5] }
    }

    fn sealed(house: &House, message: &InnerRequest) -> (Vec<u8>, ReplyOpener) {
        let keys = decode_keys(&house.0.as_ref().expect("a gateway").published()).expect("keys");
        seal_request(&keys[0], &message.encode("", 1_024), &mut rng()).expect("sealed")
    }

    async fn post(house: Data<House>, envelope: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let routes = web::scope("").route("/echo", web::post().to(echo)).route("/long", web::post().to(long));
        let app = App::new().app_data(house).service(routes.wrap(from_fn(door::<House, Refused>)));
        let request = TestRequest::post().uri("/ohttp").insert_header((CONTENT_TYPE, REQUEST_MEDIA_TYPE));
        let request = request.insert_header(("x-forwarded-for", "192.0.2.1")).insert_header(("x-api-key", "outer"));
        let request = request.peer_addr("198.51.100.1:9".parse().expect("an address")).set_payload(envelope);
        let response = call_service(&init_service(app).await, request.to_request()).await;
        (response.status(), read_body(response).await.to_vec())
    }

    /// The reply to a sealed request, opened.
    async fn ask(message: InnerRequest) -> InnerReply {
        let house = house();
        let (envelope, opener) = sealed(&house, &message);
        let (status, reply) = post(Data::new(house), envelope).await;
        assert_eq!((status, reply.len()), (StatusCode::OK, SEALED_REPLY_BYTES));
        InnerReply::decode(&opener.open(&reply).expect("opened")).expect("a reply")
    }

    #[actix_web::test]
    async fn a_route_sees_what_was_sealed_and_where_the_envelope_came_from() {
        let headers = [
            ("content-type", "application/json"),
            ("x-api-key", "inner"),
            ("x-proof-of-work", "p"),
            ("x-chaff", "1"),
            ("x-forwarded-for", "203.0.113.9"),
            ("forwarded", "for=203.0.113.9"),
            ("content-length", "9999"),
            ("transfer-encoding", "chunked"),
            ("cookie", "c"),
        ];
        let reply = ask(inner("/echo", &headers)).await;
        let expected = r#"POST /echo 198.51.100.1 ["content-type=application/json", "x-api-key=inner", "x-chaff=1", "x-forwarded-for=192.0.2.1", "x-proof-of-work=p"] 5"#;
        assert_eq!((reply.status, String::from_utf8_lossy(&reply.body).as_ref()), (200, expected));
        // The envelope's own media type and API key are not those of what is in it.
        let reply = ask(inner("/echo", &[])).await;
        assert_eq!(reply.body, br#"POST /echo 198.51.100.1 ["x-forwarded-for=192.0.2.1"] 5"#);
    }

    #[actix_web::test]
    async fn what_is_no_request_to_a_route_for_phones_is_answered_sealed() {
        for (path, status) in [("/ohttp", 404), ("/other", 404), ("/echo?x", 404), ("/long", 500)] {
            assert_eq!(ask(inner(path, &[])).await.status, status, "{path}");
        }
        assert_eq!(ask(InnerRequest { method: "GET".to_owned(), ..inner("/echo", &[]) }).await.status, 404);
        for method in ["G T", "\r\n", "\u{e9}"] {
            let reply = ask(InnerRequest { method: method.to_owned(), ..inner("/echo", &[]) }).await;
            assert_eq!(reply.status, 400, "{method}");
        }
        for value in ["a\r\nb: c", "\0"] {
            assert_eq!(ask(inner("/echo", &[("x-api-key", value)])).await.status, 400);
        }
    }

    #[actix_web::test]
    async fn without_a_gateway_nothing_is_opened() {
        let house = house();
        let (envelope, _) = sealed(&house, &inner("/echo", &[]));
        let (status, _) = post(Data::new(House(None, house.1)), envelope).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
}
