//! A server whose database is gone shows it by itself: where it is sent nothing any more because it is not ready, no request would tell.

use std::net::TcpListener;
use std::time::Duration;

use rusqlite::Connection;

use crate::system::System;

#[actix_web::test]
async fn a_database_that_is_gone_shows_without_any_request() {
    let system = System::start().await;
    let shown = |line: &str| system.state.metrics().render().lines().any(|shown| shown == line);
    assert!(shown("pratique_server_database_up{} 1"));
    let database = Connection::open(system.directory.path().join("keys.db")).expect("opened");
    database.execute_batch("PRAGMA foreign_keys = OFF; DROP TABLE authority;").expect("gone");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    // It serves nobody; what it does by itself, it does.
    let _server = server::listen(listener, system.state.clone()).expect("listening");
    for _ in 0..1_200 {
        if shown("pratique_server_database_up{} 0") {
            return;
        }
        actix_web::rt::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", system.state.metrics().render());
}
