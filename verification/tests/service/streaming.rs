//! Bodies that do not say how long they are.

use crate::http::{get, names_of_headers, post_chunks};
use crate::service::Service;

#[test]
fn a_chunked_body_is_counted_as_it_arrives() {
    let dir = tempfile::tempdir().expect("a directory");
    let service = Service::start(dir.path());
    let chunk = [b'A'; 1_000];
    let body = |chunks: usize| {
        [[b"{\"padding\":\"".as_slice()].as_slice(), &vec![chunk.as_slice(); chunks], &[b"\"}"]].concat()
    };
    for (path, key, fitting) in [
        ("/api/user-report", &service.device, 400),
        ("/api/verify", &service.device, 400),
        ("/api/certificate", &service.device, 400),
        ("/api/issue", &service.admin, 400),
        // No codes are no fault.
        ("/api/batch-issue", &service.admin, 200),
        ("/api/checkcodestatus", &service.admin, 400),
        ("/api/expirecode", &service.admin, 400),
    ] {
        let fits = post_chunks(service.address, path, key, &body(63));
        assert_eq!((fits.status, fits.body.len()), (fitting, 4_096), "{path}");
        for chunks in [64, 70, 900] {
            let answer = post_chunks(service.address, path, key, &body(chunks));
            assert_eq!((answer.status, answer.body.len()), (413, 4_096));
            assert_eq!(answer.text("errorCode"), "body_too_large");
        }
    }
}

#[test]
fn no_refusal_announces_itself_by_a_header() {
    let dir = tempfile::tempdir().expect("a directory");
    let service = Service::start(dir.path());
    let long = vec![b'A'; 70_000];
    let (status, names) = names_of_headers(service.address, "POST", "/api/verify", b"{}");
    assert_eq!(status, 401, "without a key");
    for (method, path, body, expected) in [
        ("POST", "/api/nothing", b"{}".as_slice(), 404),
        ("POST", "/api/nothing", &long, 404),
        ("PUT", "/api/verify", b"{}", 405),
        ("PATCH", "/api/certificate", &long, 405),
        ("GET", "/api/user-report", b"", 405),
        ("POST", "/api/user-report", b"{}", 401),
        ("DELETE", "/api/verify", b"", 405),
        ("POST", "/api/verify/", b"{}", 404),
        ("POST", "/api/verify", &long, 401),
    ] {
        let answer = names_of_headers(service.address, method, path, body);
        assert_eq!(answer, (expected, names.clone()), "{method} {path} with {} bytes", body.len());
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
