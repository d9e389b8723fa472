//! What the throw-away cluster promises to tests.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cluster::{Cluster, Database, Options};

async fn count(database: &Database, table: &str) -> Option<i64> {
    let client = database.connect().await.expect("connected");
    let row = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.ok()?;
    Some(row.get(0))
}

async fn with_table() -> Database {
    let migrate = async |url: &str| {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("connected");
        tokio::spawn(connection);
        client.batch_execute("CREATE TABLE ship (name text)").await.expect("migrated");
    };
    Database::from_template("ships", migrate).await.expect("a database")
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own() {
    let (first, second) = tokio::join!(with_table(), with_table());
    let client = first.connect().await.expect("connected");
    client.batch_execute("INSERT INTO ship VALUES ('Dutton')").await.expect("written");
    assert_eq!((count(&first, "ship").await, count(&second, "ship").await), (Some(1), Some(0)));
    let empty = Database::empty().await.expect("a database");
    assert_eq!(count(&empty, "ship").await, None);
}

#[tokio::test]
async fn a_database_is_dropped_although_somebody_is_connected() {
    let staying = Database::empty().await.expect("a database");
    let going = Database::empty().await.expect("a database");
    let _idle = going.connect().await.expect("connected");
    let name = going.name().to_owned();
    drop(going);
    let client = staying.connect().await.expect("connected");
    let row = client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await.expect("looked up");
    assert!(row.is_none());
}

#[tokio::test]
async fn a_durable_cluster_waits_for_the_disk() {
    let cluster = Cluster::start(&Options { durable: true, ..Options::default() }).expect("started");
    let client = cluster.connect("postgres").await.expect("connected");
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        let row = client.query_one(&format!("SHOW {setting}"), &[]).await.expect("shown");
        assert_eq!(row.get::<_, String>(0), "on", "{setting}");
    }
}

#[tokio::test]
async fn what_a_durable_cluster_acknowledged_survives_its_crash() {
    let cluster = Cluster::start(&Options { durable: true, ..Options::default() }).expect("started");
    let client = cluster.connect("postgres").await.expect("connected");
    client.batch_execute("CREATE TABLE ship (name text); INSERT INTO ship VALUES ('Dutton')").await.expect("written");
    cluster.crash_and_recover().expect("recovered");
    assert!(client.batch_execute("SELECT 1").await.is_err(), "connections do not survive it");
    let client = cluster.connect("postgres").await.expect("connected");
    assert_eq!(client.query("SELECT name FROM ship", &[]).await.expect("read").len(), 1);
}

#[tokio::test]
async fn a_standby_follows_its_cluster_until_it_is_promoted() {
    let cluster = Cluster::start(&Options::default()).expect("started");
    let client = cluster.connect("postgres").await.expect("connected");
    client.batch_execute("CREATE TABLE ship (name text)").await.expect("written");
    let standby = cluster.standby(&Options::default()).expect("started");
    let follower = standby.connect("postgres").await.expect("connected");
    client.batch_execute("INSERT INTO ship VALUES ('Dutton')").await.expect("written");
    while follower.query("SELECT name FROM ship", &[]).await.expect("read").is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(follower.batch_execute("DELETE FROM ship").await.is_err(), "nothing is written there");
    follower.batch_execute("SELECT pg_promote()").await.expect("promoted");
    follower.batch_execute("DELETE FROM ship").await.expect("it goes its own way");
    assert_eq!(client.query("SELECT name FROM ship", &[]).await.expect("read").len(), 1);
}

#[test]
fn what_keeps_a_cluster_from_starting_is_told() {
    let nonsense = Options { settings: vec![("no_such_setting".to_owned(), "1".to_owned())], ..Options::default() };
    let told = Cluster::start(&nonsense).expect_err("refused").to_string();
    assert!(told.contains("no_such_setting"), "{told}");
}

#[test]
fn without_postgresql_it_is_said_what_to_install() {
    // Debian's directory is searched whatever PATH says, so that this can only be shown of the message.
    let told = cluster::ClusterError::Missing.to_string();
    assert!(told.contains("apt-get install postgresql") && told.contains("PRATIQUE_TEST_DATABASE_URL"), "{told}");
}

/// Another process that holds a cluster, and the cluster's directory.
fn holder() -> (Child, PathBuf) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cluster"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut holder = command.spawn().expect("started");
    let mut url = String::new();
    BufReader::new(holder.stdout.as_mut().expect("piped")).read_line(&mut url).expect("read");
    let directory = url.split("host=").nth(1).and_then(|rest| rest.split('&').next()).expect("a socket");
    (holder, PathBuf::from(directory))
}

fn postmaster(directory: &Path) -> PathBuf {
    let file = std::fs::read_to_string(directory.join("data/postmaster.pid")).expect("the server runs");
    Path::new("/proc").join(file.lines().next().expect("a pid"))
}

/// Whether a process runs: one that has ended but that nobody asked about yet has no command line any more.
fn runs(process: &Path) -> bool {
    std::fs::read(process.join("cmdline")).is_ok_and(|line| !line.is_empty())
}

#[test]
fn a_killed_process_takes_its_cluster_along() {
    let (mut holder, directory) = holder();
    let server = postmaster(&directory);
    assert!(runs(&server));
    let mut supervisor = holder.stderr.take().expect("piped");
    holder.kill().expect("killed");
    holder.wait().expect("gone");
    // The supervisor holds the other end of this pipe until it has ended.
    supervisor.read_to_end(&mut Vec::new()).expect("read");
    assert!(!directory.exists() && !runs(&server));
}

#[test]
fn a_process_that_ends_takes_its_cluster_along() {
    let (mut holder, directory) = holder();
    let server = postmaster(&directory);
    drop(holder.stdin.take());
    assert!(holder.wait().expect("ended").success());
    assert!(!directory.exists() && !runs(&server));
}
