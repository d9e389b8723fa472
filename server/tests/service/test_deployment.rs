//! Who may be loaded.

use crate::system::System;
use crate::wire::request;

#[actix_web::test]
async fn only_a_test_deployment_says_that_it_may_be_loaded() {
    let ask = |path| request("GET", path, None, b"");
    let system = System::start().await;
    let (told, unknown) = (system.send(ask("/test-deployment")).await, system.send(ask("/no-such-path")).await);
    assert_eq!((told.status, &told.body), (404, &unknown.body));
    let hosts = ["server.test", "cdn.test:8443"].map(|host| host.parse().expect("a host"));
    let system = System::start_prepared(|state| state.with_test_deployment(&hosts)).await;
    let told = system.send(ask("/test-deployment")).await;
    assert_eq!((told.status, told.body.as_slice()), (200, br#"{"hosts":["server.test","cdn.test:8443"]}"#.as_slice()));
}
