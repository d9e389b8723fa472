//! A real S3 server for a test: moto, which keeps everything in memory and decides conditional writes atomically.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use exporter::bucket::{Patience, S3Bucket};

/// Where the server of this test run listens, as `HOST:PORT`. It ends with the run: its standard input is closed then, and it watches that.
pub(crate) fn server() -> &'static str {
    static SERVER: OnceLock<(String, Child)> = OnceLock::new();
    let (address, _) = SERVER.get_or_init(start);
    address
}

/// The server runs in a thread of Python's, while the main one waits for the end of its input: whatever ends the tests ends it too.
const PROGRAM: &str = "
import sys, threading
from werkzeug.serving import make_server
from moto.server import DomainDispatcherApplication, create_backend_app
server = make_server('127.0.0.1', 0, DomainDispatcherApplication(create_backend_app), threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
";

fn start() -> (String, Child) {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python/bin/python");
    let mut server = Command::new(python)
        .args(["-c", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Python; run tests/run once, which makes target/python");
    let mut port = String::new();
    let said = BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut port);
    assert!(said.is_ok_and(|length| length > 0), "moto does not start; run tests/run once, which installs it");
    (format!("127.0.0.1:{}", port.trim()), server)
}

/// Makes a bucket that nobody else has; its name.
pub(crate) async fn new_bucket() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("bucket-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let made = plain().put(format!("http://{}/{name}", server())).send().await.expect("an answer");
    assert!(made.status().is_success(), "{made:?}");
    name
}

/// Lets everybody read the objects of a bucket, as a bucket behind a CDN does.
pub(crate) async fn open_to_readers(bucket: &str) {
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": format!("arn:aws:s3:::{bucket}/*"),
        }],
    });
    let url = format!("http://{}/{bucket}?policy", server());
    let taken = signed(plain().put(url)).body(policy.to_string()).send().await.expect("an answer");
    assert!(taken.status().is_success(), "{taken:?}");
}

/// Somebody who speaks HTTP with the store and knows nothing of S3.
pub(crate) fn plain() -> reqwest::Client {
    // reqwest brings no cryptography of its own; if another test was faster, its is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// A request that moto takes for one of ours: it looks for a signature, and not at it.
pub(crate) fn signed(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    let scope = "Credential=id/20260101/eu-north-1/s3/aws4_request";
    request.header("authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"))
}

/// The URL of a bucket's prefix `live` at `address`, with more parameters.
pub(crate) fn url(bucket: &str, address: &str, more: &str) -> String {
    format!("s3://{bucket}/live?endpoint=http://{address}&region=eu-north-1{more}")
}

/// A bucket of its own, on the server itself.
pub(crate) async fn bucket() -> S3Bucket {
    let name = new_bucket().await;
    open(&url(&name, server(), "")).await.expect("a bucket")
}

/// Opens a bucket with credentials that moto takes, as it takes any.
pub(crate) async fn open(url: &str) -> Result<S3Bucket, exporter::ExportError> {
    // Machines that run tests stand still at times.
    let patience =
        Patience { connect: Duration::from_secs(60), attempt: Duration::from_secs(120), ..Patience::default() };
    open_with(url, patience).await
}

/// The same with more patience, or less.
pub(crate) async fn open_with(url: &str, patience: Patience) -> Result<S3Bucket, exporter::ExportError> {
    S3Bucket::open_with(url.parse().expect("a place"), "id", "secret", patience).await
}
