//! Nothing is sent to a deployment that has not said that it may be loaded, but the question whether it may.

use crate::listener::{Listener, load, target};

const QUESTION: &str = "GET /test-deployment HTTP/1.1";

/// Runs a burst against these three, which must be refused; what it said.
fn refused(verification: &Listener, server: &Listener, cdn: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let (verification, server) = (verification.url(), server.url());
    let flags = [&["burst", "--duration", "1s"][..], &target(&verification, &server, cdn)].concat();
    let output = load(directory.path(), &flags);
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{said}");
    assert!(said.contains("--test-deployment") && !said.contains("SECRET"), "{said}");
    said
}

#[test]
fn a_service_that_is_no_test_deployment_is_asked_once_and_nothing_else() {
    let confirming = || Listener::start("200 OK", r#"{"hosts":["127.0.0.1"]}"#.to_owned());
    for (status, body) in [
        ("404 Not Found", r#"{"error":"no such path"}"#),
        ("200 OK", r#"{"hosts":[]}"#),
        ("200 OK", r#"{"hosts":["127.0.0.2"]}"#),
        ("200 OK", "<html>hello</html>"),
        ("302 Found", ""),
        ("503 Service Unavailable", ""),
    ] {
        let (verification, server) = (Listener::start(status, body.to_owned()), confirming());
        let cdn = Listener::start("200 OK", String::new());
        assert!(refused(&verification, &server, &cdn.url()).contains("--verification"));
        assert_eq!(verification.asked(), [QUESTION]);
        assert!(server.asked().is_empty() && cdn.asked().is_empty());

        let (verification, server) = (confirming(), Listener::start(status, body.to_owned()));
        assert!(refused(&verification, &server, &cdn.url()).contains("--server"));
        assert_eq!((verification.asked(), server.asked()), (vec![QUESTION.to_owned()], vec![QUESTION.to_owned()]));
        assert!(cdn.asked().is_empty());
    }
}

#[test]
fn a_cdn_that_does_not_belong_to_the_test_deployment_is_left_alone() {
    let cdn = Listener::start("200 OK", String::new());
    let both = || Listener::start("200 OK", r#"{"hosts":["127.0.0.1:1","cdn.example:443"]}"#.to_owned());
    // The services name neither themselves nor this CDN.
    let said = refused(&both(), &both(), &cdn.url());
    assert!(said.contains("is not part of its test deployment"), "{said}");
    let both = || Listener::start("200 OK", r#"{"hosts":["127.0.0.1"]}"#.to_owned());
    let said = refused(&both(), &both(), "http://localhost:1/");
    assert!(said.contains("localhost:1 of --cdn"), "{said}");
    assert!(cdn.asked().is_empty());
}

#[test]
fn a_service_that_does_not_answer_is_no_test_deployment() {
    // The port of a caller is taken, and nobody listens on it.
    let somebody = Listener::start("200 OK", String::new());
    let caller = std::net::TcpStream::connect(somebody.address).expect("connected");
    let address = caller.local_addr().expect("connected");
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("http://{address}");
    let flags = [&["quiet", "--duration", "1s"][..], &target(&url, &url, &url)].concat();
    let output = load(directory.path(), &flags);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("does not answer (cannot_connect)"), "{said}");
}
