//! A verification service that can be stopped between its work and its answer: when a request is answered, and everything about it is
//! committed, it prints the answer as a line of JSON, and waits for a line on its standard input before the answer leaves. For tests that kill
//! it there.
//!
//! Arguments: the URL of the database, the secret file, the directory of signing keys. The first line that it prints is where it listens.

use std::io::Write as _;
use std::net::TcpListener;

use actix_web::body::to_bytes;
use actix_web::dev::Service as _;
use actix_web::web::Data;
use actix_web::{App, HttpServer, error};
use anyhow::Context as _;
use serde_json::{Value, json};
use store::Clock;
use tests::stepping;
use verification::{DatabaseSettings, Settings, State};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &'static str| arguments.next().context(what);
    let settings = Settings {
        database: DatabaseSettings { database_url: next("a database")?.parse()? },
        secret_file: next("a secret file")?.into(),
        signing_key_dir: next("a directory of keys")?.into(),
        delivery_dir: None,
    };
    let state = Data::new(State::open(&settings, Clock::system()).await?);
    let app = move || {
        App::new()
            .app_data(state.clone())
            .wrap_fn(|request, service| {
                let answered = service.call(request);
                async move {
                    let (request, answer) = answered.await?.into_parts();
                    let (head, body) = answer.into_parts();
                    let body = to_bytes(body).await.map_err(error::ErrorInternalServerError)?;
                    let said: Value = serde_json::from_slice(&body)?;
                    stepping::stop_at(json!({ "status": head.status().as_u16(), "body": said }));
                    Ok(actix_web::dev::ServiceResponse::new(request, head.set_body(body)))
                }
            })
            .configure(verification::routes)
    };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    Ok(HttpServer::new(app).workers(1).listen(listener)?.run().await?)
}
