//! Connections over a network: protected, and to nobody else's server.

use std::path::Path;
use std::process::Command;

use cluster::{Cluster, Options, free_port};
use store::{Authorities, Clock, PostgresKeyStore, StoreError};
use tempfile::TempDir;

use crate::database::parse;

/// Runs openssl, which the tests of interoperability need as well.
fn openssl(directory: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(directory).output();
    let output = output.expect("openssl runs; apt-get install openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, and a certificate for `localhost` that it signed.
fn certificates() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    for name in ["ca", "other"] {
        openssl(directory.path(), &format!("req -x509 {new} -keyout {name}.key -out {name}.pem -subj /CN={name}"));
    }
    openssl(directory.path(), &format!("req {new} -keyout server.key -out server.csr -subj /CN=localhost"));
    std::fs::write(directory.path().join("names"), "subjectAltName=DNS:localhost").expect("written");
    let sign =
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem";
    openssl(directory.path(), sign);
    directory
}

/// A cluster that speaks TLS on a loopback port, with a role that has a password. PostgreSQL reads its key from a directory of its own, where
/// the superuser puts it.
async fn protected(certificates: &Path) -> (Cluster, u16) {
    let port = free_port();
    let cluster = Cluster::start(&Options { port: Some(port), ..Options::default() }).expect("started");
    let client = cluster.connect("postgres").await.expect("connected");
    for name in ["server.pem", "server.key"] {
        let text = std::fs::read_to_string(certificates.join(name)).expect("read");
        let lines = text.lines().map(|line| format!("('{line}')")).collect::<Vec<_>>().join(", ");
        let put = format!("COPY (VALUES {lines}) TO PROGRAM 'umask 077; cat > {name}'");
        client.batch_execute(&put).await.expect("written");
    }
    for setting in ["ssl = on", "ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.key'"] {
        client.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.expect("set");
    }
    client.batch_execute("CREATE ROLE owner LOGIN SUPERUSER PASSWORD 'hunter2'").await.expect("a role");
    client.batch_execute("SELECT pg_reload_conf()").await.expect("reloaded");
    // The server takes its new settings when it gets round to it, and new connections know them.
    let takes_tls = async || {
        let client = cluster.connect("postgres").await.expect("connected");
        client.query_one("SELECT current_setting('ssl')::boolean", &[]).await.expect("shown").get::<_, bool>(0)
    };
    while !takes_tls().await {}
    (cluster, port)
}

#[tokio::test]
async fn a_connection_over_a_network_is_protected_and_the_server_proves_its_name() {
    let certificates = certificates();
    let (_cluster, port) = protected(certificates.path()).await;
    let file = |name: &str| certificates.path().join(name).display().to_string();
    let (ours, others) = (file("ca.pem"), file("other.pem"));
    let url = |host: &str, roots: &str| format!("postgres://owner:hunter2@{host}:{port}/postgres?sslrootcert={roots}");

    let trusted = parse(&url("localhost", &ours));
    PostgresKeyStore::migrate(&trusted).await.expect("migrated");
    PostgresKeyStore::open(&trusted, Clock::system()).await.expect("opened").ping().await.expect("answers");
    let unprotected = parse(&format!("postgres://owner:hunter2@localhost:{port}/postgres?sslmode=disable"));
    PostgresKeyStore::open(&unprotected, Clock::system()).await.expect("who wants no protection gets none");

    for (url, said) in [(url("localhost", &others), "UnknownIssuer"), (url("127.0.0.1", &ours), "not valid for name")] {
        let Err(refused) = PostgresKeyStore::open(&parse(&url), Clock::system()).await else { panic!("opened {url}") };
        assert!(matches!(refused, StoreError::NotReady(_)), "nobody waits for another server");
        assert!(refused.to_string().contains(said), "{refused}");
        assert!(!refused.to_string().contains("hunter2"));
    }
    let nothing = PostgresKeyStore::open(&parse(&url("localhost", &file("none.pem"))), Clock::system()).await;
    assert!(matches!(nothing, Err(StoreError::NotReady(why)) if why.contains("sslrootcert")));
}

#[tokio::test]
async fn a_server_without_protection_is_refused_at_once_with_what_to_do() {
    let port = free_port();
    let _cluster = Cluster::start(&Options { port: Some(port), ..Options::default() }).expect("started");
    let url = parse(&format!("postgres://owner:hunter2@localhost:{port}/postgres"));
    let Err(StoreError::NotReady(why)) = PostgresKeyStore::open(&url, Clock::system()).await else { panic!("opened") };
    assert!(why.contains("sslmode=disable") && !why.contains("hunter2"), "{why}");
}

#[tokio::test]
async fn a_server_that_shows_an_authoritys_own_certificate_is_refused_with_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout server.key -out server.pem";
    openssl(directory.path(), &format!("req -x509 {new} -subj /CN=localhost -addext subjectAltName=DNS:localhost"));
    let (_cluster, port) = protected(directory.path()).await;
    let root = directory.path().join("server.pem");
    let url = format!("postgres://owner:hunter2@localhost:{port}/postgres?sslrootcert={}", root.display());
    let Err(StoreError::NotReady(why)) = PostgresKeyStore::open(&parse(&url), Clock::system()).await else {
        panic!("opened")
    };
    assert!(why.contains("an authority's own certificate"), "{why}");
}
