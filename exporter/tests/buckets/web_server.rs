//! A directory bucket behind a real nginx with the configuration in `deploy/nginx`: it says of each object what object stores are told.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use exporter::bucket::{Bucket, DirectoryBucket, Headers};

use crate::promises::path;

/// Where the configuration stands.
const OBJECTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/nginx/objects.conf");

/// nginx with a tree, on a socket in a directory of its own.
struct WebServer {
    process: Child,
    directory: tempfile::TempDir,
}

impl WebServer {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let here = directory.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {here}/{kind};\n"))
            .collect();
        let configuration = format!(
            "daemon off; master_process off; pid {here}/pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off; {temporary}\
             server {{ listen unix:{here}/socket; root {here}/cdn; include {OBJECTS}; }} }}\n"
        );
        fs::write(directory.path().join("nginx.conf"), configuration).expect("written");
        fs::create_dir(directory.path().join("cdn")).expect("a directory");
        let program = ["/usr/sbin/nginx", "nginx"].into_iter().find(|name| Path::new(name).exists()).unwrap_or("nginx");
        let mut command = Command::new(program);
        command.arg("-e").arg("stderr").arg("-c").arg(directory.path().join("nginx.conf"));
        let mut server =
            Self { process: command.stderr(Stdio::piped()).spawn().expect("nginx; tests/run installs it"), directory };
        while UnixStream::connect(server.socket()).is_err() {
            if server.process.try_wait().expect("it is ours").is_some() {
                let mut why = String::new();
                let _ = server.process.stderr.take().expect("a pipe").read_to_string(&mut why);
                panic!("nginx does not start: {why}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn tree(&self) -> PathBuf {
        self.directory.path().join("cdn")
    }

    /// The head of the answer, its lines in lower case, and the body.
    fn get(&self, path: &str) -> (Vec<String>, String) {
        let mut stream = UnixStream::connect(self.socket()).expect("a connection");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: cdn\r\nConnection: close\r\n\r\n").expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_ascii_lowercase().lines().map(str::to_owned).collect(), body.to_owned())
    }
}

/// Nothing that a test started outlives it.
impl Drop for WebServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn nginx_says_of_an_object_what_object_stores_are_told() {
    let server = WebServer::start();
    let bucket = DirectoryBucket::open(&server.tree()).expect("a bucket");
    for name in ["NO/gaen/1790000000-1790014400-00001.zip", "US-WA/tcn-self/index.txt", "NO/gaen/manifest", "ready"] {
        bucket.replace(&path(name), b"as it is", None).await.expect("written");
        let (head, body) = server.get(&format!("/{name}"));
        assert_eq!(head[0], "http/1.1 200 ok", "{name}");
        let Headers { content_type, cache_control } = Headers::of(name);
        assert!(head.contains(&format!("content-type: {content_type}")), "{name}: {head:?}");
        assert!(head.contains(&format!("cache-control: {cache_control}")), "{name}: {head:?}");
        assert_eq!(body, "as it is", "{name}");
    }
}

#[tokio::test]
async fn nginx_gives_out_nothing_but_objects_and_no_cache_keeps_that() {
    let server = WebServer::start();
    let tree = server.tree();
    fs::create_dir_all(tree.join("NO/gaen")).expect("directories");
    for name in [".lock", "NO/gaen/.put-1.zip", "NO/gaen/notes.txt", "index.txt", "NO/ready"] {
        fs::write(tree.join(name), "not for phones").expect("written");
    }
    let absent = ["ready", "NO/gaen/index.txt", "NO/gaen/1-2-00001.zip", "", "NO/gaen/", "../nginx.conf"];
    for name in [".lock", "NO/gaen/.put-1.zip", "NO/gaen/notes.txt", "index.txt", "NO/ready"].iter().chain(&absent) {
        let (head, body) = server.get(&format!("/{name}"));
        assert!(head[0].contains(" 404 ") || head[0].contains(" 400 "), "{name}: {head:?}");
        assert!(!body.contains("not for phones") && !body.contains("temp_path"), "{name}");
        if head[0].contains(" 404 ") {
            assert!(head.contains(&"cache-control: no-store".to_owned()), "{name}: {head:?}");
        }
    }
}
