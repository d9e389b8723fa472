//! The public tree as phones reach it: a directory bucket behind a small web server with entity tags.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::http::{KeepAlive, header};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use sha2::{Digest as _, Sha256};

/// Serves the files below `root`.
///
/// # Errors
/// Those of the listener.
pub fn serve(listener: TcpListener, root: &Path) -> std::io::Result<actix_web::dev::Server> {
    let root = Data::new(root.to_path_buf());
    let app = move || App::new().app_data(root.clone()).default_service(web::get().to(object));
    // As patient as the machine may be slow: who polls now and then finds its connection where it was.
    let server = HttpServer::new(app).keep_alive(KeepAlive::Os).client_request_timeout(Duration::ZERO);
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

async fn object(request: HttpRequest, root: Data<PathBuf>) -> HttpResponse {
    let path = request.path().trim_start_matches('/');
    let Ok(bytes) = std::fs::read(root.join(path)) else { return HttpResponse::NotFound().finish() };
    let etag = format!("\"{}\"", hex::encode(Sha256::digest(&bytes)));
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == etag.as_bytes());
    if known {
        return HttpResponse::NotModified().insert_header((header::ETAG, etag)).finish();
    }
    HttpResponse::Ok().insert_header((header::ETAG, etag)).body(bytes)
}
