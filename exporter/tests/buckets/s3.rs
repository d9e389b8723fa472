//! The S3 server of this test run, and buckets on it.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use exporter::bucket::{Patience, S3Bucket};
use stack::{Between, ObjectStore, SIGNATURE};

/// The server of this test run. It ends with the run: its standard input is closed then, and it watches that.
pub(crate) fn store() -> &'static ObjectStore {
    static STORE: OnceLock<ObjectStore> = OnceLock::new();
    STORE.get_or_init(|| ObjectStore::start().expect("moto"))
}

/// Where it listens.
pub(crate) fn server() -> SocketAddr {
    store().address()
}

/// Somebody before that server, who disturbs.
pub(crate) fn between() -> Between {
    Between::before(server()).expect("a port")
}

/// Waits until nothing is on its way any more.
pub(crate) async fn settled(between: &Between) {
    while !between.is_settled() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Makes a bucket that nobody else has; its name.
pub(crate) async fn new_bucket() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("bucket-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let made = plain().put(format!("http://{}/{name}", server())).send().await.expect("an answer");
    assert!(made.status().is_success(), "{made:?}");
    name
}

/// Somebody who speaks HTTP with the store and knows nothing of S3.
pub(crate) fn plain() -> reqwest::Client {
    // reqwest brings no cryptography of its own; if another test was faster, its is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// A request that moto takes for one of ours: it looks for a signature, and not at it.
pub(crate) fn signed(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    request.header("authorization", SIGNATURE)
}

/// The URL of a bucket's prefix `live` at `address`, with more parameters.
pub(crate) fn url(bucket: &str, address: impl Display, more: &str) -> String {
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
