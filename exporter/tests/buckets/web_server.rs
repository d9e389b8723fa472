//! A directory bucket behind a real nginx with the configuration in `deploy/nginx`: it says of each object what object stores are told.

use std::fs;
use std::path::PathBuf;

use exporter::bucket::{Bucket, DirectoryBucket, Headers};

use crate::nginx::{Answer, Nginx, Site, ask};
use crate::promises::path;

/// nginx with a tree.
struct WebServer {
    nginx: Nginx,
    directory: tempfile::TempDir,
}

impl WebServer {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let tree = directory.path().join("cdn");
        fs::create_dir(&tree).expect("a directory");
        let inside = format!("root {}; include objects.conf;", tree.display());
        let site = Site { servers: vec![inside], ..Site::default() };
        Self { nginx: Nginx::start(directory.path(), &site).expect("nginx"), directory }
    }

    fn tree(&self) -> PathBuf {
        self.directory.path().join("cdn")
    }

    fn get(&self, path: &str) -> Answer {
        self.nginx.get(path).expect("an answer")
    }
}

#[tokio::test]
async fn nginx_says_of_an_object_what_object_stores_are_told() {
    let server = WebServer::start();
    let bucket = DirectoryBucket::open(&server.tree()).expect("a bucket");
    for name in ["NO/gaen/1790000000-1790014400-00001.zip", "US-WA/tcn-self/index.txt", "NO/gaen/manifest", "ready"] {
        bucket.replace(&path(name), b"as it is", None).await.expect("written");
        let answer = server.get(&format!("/{name}"));
        assert_eq!((answer.status, &*answer.body), (200, &b"as it is"[..]), "{name}");
        let Headers { content_type, cache_control } = Headers::of(name);
        assert_eq!(answer.header("content-type"), content_type, "{name}");
        assert_eq!(answer.header("cache-control"), cache_control, "{name}");
    }
}

#[tokio::test]
async fn nginx_gives_out_nothing_but_objects_and_no_cache_keeps_that() {
    let server = WebServer::start();
    let tree = server.tree();
    fs::create_dir_all(tree.join("NO/gaen")).expect("directories");
    fs::create_dir_all(tree.join("NO/tcn-self/coepi/21600")).expect("directories");
    let hidden =
        [".lock", "NO/gaen/.put-1.zip", "NO/gaen/notes.txt", "index.txt", "NO/ready", "NO/tcn-self/coepi/21600/7.json"];
    for name in hidden {
        fs::write(tree.join(name), "not for phones").expect("written");
    }
    let absent = ["ready", "NO/gaen/index.txt", "NO/gaen/1-2-00001.zip", "", "NO/gaen/", "../main.conf"];
    for name in hidden.iter().chain(&absent) {
        let answer = server.get(&format!("/{name}"));
        let body = String::from_utf8_lossy(&answer.body);
        assert!([400, 404, 503].contains(&answer.status), "{name}: {}", answer.head);
        assert!(!body.contains("not for phones") && !body.contains("temp_path"), "{name}");
        if answer.status != 400 {
            assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        }
    }
}

#[tokio::test]
async fn a_list_that_is_replaced_is_seen_at_once_and_one_that_is_known_is_not_sent_again() {
    let server = WebServer::start();
    let bucket = DirectoryBucket::open(&server.tree()).expect("a bucket");
    let list = path("NO/gaen/index.txt");
    for content in ["NO/gaen/1-2-00001.zip", "NO/gaen/1-2-00001.zip\nNO/gaen/2-3-00001.zip"] {
        let seen = bucket.get(&list).await.expect("a read").map(|object| object.version);
        bucket.replace(&list, content.as_bytes(), seen.as_ref()).await.expect("written");
        let answer = server.get("/NO/gaen/index.txt?and=what");
        assert_eq!(String::from_utf8_lossy(&answer.body), content);
        let known = format!("If-None-Match: {}", answer.header("etag"));
        let again = ask(server.nginx.address(0), "GET /NO/gaen/index.txt", &[&known], "").expect("an answer");
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(again.header("cache-control"), "public, max-age=300");
    }
}

#[tokio::test]
async fn objects_are_read_and_nothing_else() {
    let server = WebServer::start();
    let bucket = DirectoryBucket::open(&server.tree()).expect("a bucket");
    bucket.replace(&path("ready"), b"now", None).await.expect("written");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "MKCOL", "TRACE"] {
        let answer = ask(server.nginx.address(0), &format!("{method} /ready"), &[], "").expect("an answer");
        assert_eq!(answer.status, 405, "{method}");
    }
    let head = ask(server.nginx.address(0), "HEAD /ready", &[], "").expect("an answer");
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "3", 0));
    let long = "x".repeat(2_000);
    let answer = ask(server.nginx.address(0), "GET /ready", &[], &long).expect("an answer");
    assert_eq!(answer.status, 413, "nobody who reads has so much to say");
}
