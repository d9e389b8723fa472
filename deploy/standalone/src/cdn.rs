//! The public tree over HTTP, as a CDN in front of a bucket would serve it: bundles, indexes and manifests, and nothing else.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

/// No object path of ours is longer, in bytes.
const MAX_PATH: usize = 200;

/// The directory that is served.
struct Tree {
    root: PathBuf,
}

/// Serves `root` on a listener that is already bound. Signals belong to the program.
///
/// # Errors
/// Those of the listener.
pub(crate) fn listen(listener: TcpListener, root: &Path) -> io::Result<Server> {
    let tree = Data::new(Tree { root: root.to_owned() });
    service::listen(listener, None, move |cfg| {
        cfg.app_data(tree.clone());
        routes(cfg);
    })
}

/// Two methods, one tree.
fn routes(cfg: &mut ServiceConfig) {
    let reads = web::resource("/{path:.*}").route(web::get().to(object)).route(web::head().to(object));
    cfg.service(reads.default_service(web::to(wrong_method)));
}

/// `GET` and `HEAD` of an object: phones, and caches on their behalf.
async fn object(request: HttpRequest, tree: Data<Tree>) -> HttpResponse {
    // The path as it was sent: object names need no escapes, so whatever has one is none of ours.
    let Some(object) = Object::named(request.uri().path()) else {
        return plain(StatusCode::NOT_FOUND);
    };
    let file = tree.root.join(object.path);
    let bytes = match web::block(move || fs::read(file)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) if is_absent(&error) => return plain(StatusCode::NOT_FOUND),
        Ok(Err(_)) | Err(_) => return plain(StatusCode::INTERNAL_SERVER_ERROR),
    };
    // Read and hashed for a 304 too: this serves one machine, and a tag that is remembered could outlive the file.
    let etag = etag_of(&bytes);
    let unchanged = is_among(request.headers(), &etag);
    let mut response = HttpResponse::build(if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    response.insert_header((ETAG, etag)).insert_header((CACHE_CONTROL, object.kind.cache_control()));
    if unchanged {
        return response.finish();
    }
    response.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    response.insert_header((CONTENT_TYPE, object.kind.content_type())).body(bytes)
}

async fn wrong_method() -> HttpResponse {
    let mut response = HttpResponse::MethodNotAllowed();
    response.insert_header((ALLOW, "GET, HEAD")).insert_header((CACHE_CONTROL, "no-store")).finish()
}

fn plain(status: StatusCode) -> HttpResponse {
    // A phone that comes a moment too early must not find the refusal in a cache later.
    HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).finish()
}

/// The objects of a public tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ObjectKind {
    /// A signed zip.
    Bundle,
    /// The list that phones poll.
    Index,
    /// The signed list.
    Manifest,
}

impl ObjectKind {
    fn of(name: &str) -> Option<Self> {
        match name {
            "index.txt" => Some(Self::Index),
            "manifest" => Some(Self::Manifest),
            _ if name.ends_with(".zip") => Some(Self::Bundle),
            _ => None,
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Bundle => "application/zip",
            Self::Index => "text/plain; charset=us-ascii",
            Self::Manifest => "text/plain; charset=utf-8",
        }
    }

    /// A published bundle never changes: a year is the longest that caches are told. Index and manifest live for five minutes.
    const fn cache_control(self) -> &'static str {
        match self {
            Self::Bundle => "public, max-age=31536000, immutable",
            Self::Index | Self::Manifest => "public, max-age=300",
        }
    }
}

/// An object as a request names it.
struct Object<'p> {
    path: &'p str,
    kind: ObjectKind,
}

impl<'p> Object<'p> {
    /// The object with this absolute path. No segment is empty or begins with a dot, so no path leaves the tree and none reaches a lock
    /// or a temporary file.
    fn named(path: &'p str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let sound = |segment: &str| !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(plain);
        if path.len() > MAX_PATH || !path.split('/').all(sound) {
            return None;
        }
        let kind = ObjectKind::of(path.rsplit('/').next()?)?;
        Some(Self { path, kind })
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory)
}

/// A strong entity tag (RFC 9110, section 8.8.3): the content's own digest, the same on every replica.
fn etag_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether `If-None-Match` names the tag (RFC 9110, section 13.1.2: weak comparison, lists, `*`).
fn is_among(headers: &HeaderMap, etag: &str) -> bool {
    let mut tags = headers.get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    tags.any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    })
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::body::to_bytes;
    use actix_web::http::Method;
    use actix_web::test::{TestRequest, call_service, init_service};
    use tempfile::TempDir;

    use super::*;

    const BUNDLE: &str = "/NO/gaen/1795000000-1795003600-00001.zip";

    /// A tree with one of each, and with what must never be served.
    fn tree() -> TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("below the root")).expect("created");
            fs::write(path, text).expect("written");
        };
        write(&format!("cdn{BUNDLE}"), "a bundle");
        write("cdn/NO/gaen/index.txt", "NO/gaen/1795000000-1795003600-00001.zip");
        write("cdn/NO/gaen/manifest", "pratique/manifest/v1\n");
        write("cdn/NO/gaen/.put-1.zip", "half a bundle");
        write("cdn/.hidden/index.txt", "hidden");
        write("cdn/NO/gaen/notes.txt", "not an object");
        write("private/secret.zip", "a secret");
        dir
    }

    /// Status, header and body of an answer.
    async fn ask(dir: &TempDir, request: TestRequest) -> (u16, HeaderMap, Vec<u8>) {
        let data = Data::new(Tree { root: dir.path().join("cdn") });
        let app = init_service(App::new().app_data(data).configure(routes)).await;
        let response = call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = to_bytes(response.into_body()).await.expect("in memory");
        (status, headers, body.to_vec())
    }

    fn header(headers: &HeaderMap, name: &str) -> String {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }

    #[actix_web::test]
    async fn each_kind_of_object_has_its_type_and_its_life() {
        let dir = tree();
        for (path, content_type, cache_control, body) in [
            (BUNDLE, "application/zip", "public, max-age=31536000, immutable", "a bundle"),
            ("/NO/gaen/index.txt", "text/plain; charset=us-ascii", "public, max-age=300", &BUNDLE[1..]),
            ("/NO/gaen/manifest", "text/plain; charset=utf-8", "public, max-age=300", "pratique/manifest/v1\n"),
        ] {
            let (status, headers, bytes) = ask(&dir, TestRequest::get().uri(path)).await;
            assert_eq!((status, bytes.as_slice()), (200, body.as_bytes()), "{path}");
            assert_eq!(header(&headers, "content-type"), content_type);
            assert_eq!(header(&headers, "cache-control"), cache_control);
            let etag = header(&headers, "etag");
            assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() == 34, "{etag}");
        }
    }

    #[actix_web::test]
    async fn what_a_phone_has_is_not_sent_again() {
        let dir = tree();
        let etag = header(&ask(&dir, TestRequest::get().uri(BUNDLE)).await.1, "etag");
        for condition in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            let request = TestRequest::get().uri(BUNDLE).insert_header((IF_NONE_MATCH, condition.clone()));
            let (status, headers, body) = ask(&dir, request).await;
            assert_eq!((status, body.len()), (304, 0), "{condition}");
            assert_eq!(header(&headers, "etag"), etag);
            assert_eq!(header(&headers, "cache-control"), "public, max-age=31536000, immutable");
        }
        let request = TestRequest::get().uri(BUNDLE).insert_header((IF_NONE_MATCH, "\"other\""));
        assert_eq!(ask(&dir, request).await.0, 200);
    }

    #[actix_web::test]
    async fn an_entity_tag_changes_with_the_content() {
        let dir = tree();
        let index = || TestRequest::get().uri("/NO/gaen/index.txt");
        let before = header(&ask(&dir, index()).await.1, "etag");
        fs::write(dir.path().join("cdn/NO/gaen/index.txt"), "").expect("written");
        let (status, headers, _) = ask(&dir, index().insert_header((IF_NONE_MATCH, before))).await;
        assert_eq!(status, 200, "{headers:?}");
    }

    #[actix_web::test]
    async fn nothing_but_objects_is_served() {
        let dir = tree();
        for path in [
            "/",
            "/NO",
            "/NO/",
            "/NO/gaen/",
            "/NO/gaen",
            "/NO/gaen/notes.txt",
            "/NO/gaen/.put-1.zip",
            "/.hidden/index.txt",
            "/.lock",
            "/NO/tcn/index.txt",
            "/NO//gaen/index.txt",
            "/NO/gaen/index.txt/",
            "/NO/gaen/index.txt/manifest",
            "/../private/secret.zip",
            "/NO/../../private/secret.zip",
            "/NO/%2e%2e/%2e%2e/private/secret.zip",
            "/..%2fprivate/secret.zip",
            "/NO/gaen/index.txt%00.zip",
            "/%2fetc/passwd.zip",
        ] {
            let (status, headers, body) = ask(&dir, TestRequest::get().uri(path)).await;
            assert_eq!((status, body.len()), (404, 0), "{path}");
            assert_eq!(header(&headers, "cache-control"), "no-store");
        }
        let long = format!("/{}.zip", "x".repeat(MAX_PATH));
        assert_eq!(ask(&dir, TestRequest::get().uri(&long)).await.0, 404);
    }

    #[actix_web::test]
    async fn the_tree_cannot_be_written_to() {
        let dir = tree();
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let (status, headers, _) = ask(&dir, TestRequest::with_uri(BUNDLE).method(method)).await;
            assert_eq!((status, header(&headers, "allow").as_str()), (405, "GET, HEAD"));
        }
    }
}
