//! Bodies that do not say how long they are.

use crate::http::{get, post_chunks};
use crate::service::Service;

#[test]
fn a_chunked_body_is_counted_as_it_arrives() {
    let dir = tempfile::tempdir().expect("a directory");
    let service = Service::start(dir.path());
    let chunk = [b'A'; 1_000];
    let body = |chunks: usize| {
        [[b"{\"padding\":\"".as_slice()].as_slice(), &vec![chunk.as_slice(); chunks], &[b"\"}"]].concat()
    };
    for path in ["/api/verify", "/api/certificate"] {
        let fits = post_chunks(service.address, path, &service.device, &body(63));
        assert_eq!((fits.status, fits.body.len()), (400, 4_096));
        for chunks in [64, 70, 900] {
            let answer = post_chunks(service.address, path, &service.device, &body(chunks));
            assert_eq!((answer.status, answer.body.len()), (413, 4_096));
            assert_eq!(answer.text("errorCode"), "request_too_large");
        }
    }
}

#[test]
fn a_service_is_well_and_publishes_its_keys() {
    let dir = tempfile::tempdir().expect("a directory");
    let service = Service::start(dir.path());
    let health = get(service.address, "/health");
    assert_eq!((health.status, health.json()["status"].as_str()), (200, Some("ok")));
    let jwks = get(service.address, "/jwks/no");
    assert_eq!((jwks.status, jwks.json()["keys"][0]["crv"].as_str()), (200, Some("Ed25519")));
}
