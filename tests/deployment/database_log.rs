//! What the databases of `compose.yaml` write into their logs: how they fare, and nothing of what phones ask.

use std::time::{Duration, Instant};

use anyhow::ensure;
use cluster::{Cluster, Options, StopMode};
use serde_json::Value;
use tokio_postgres::Client;

use crate::programs::repository;
use crate::tools::{apart, run, yaml};

/// Who is started with the settings.
const DATABASES: [&str; 3] = ["verification-database", "key-database", "key-database-replica"];
/// A key that a phone uploaded, as PostgreSQL shows bytes.
const KEY: &str = "7365637265742d6b65792d6279746573";
/// How long a statement is waited for that does not begin.
const PATIENCE: Duration = Duration::from_secs(60);
/// What tells of a request: what went wrong, with which statement and which value.
const OF_REQUESTS: [&str; 6] = ["ERROR:", "STATEMENT:", "DETAIL:", "a key was sealed meanwhile", "under way", KEY];

#[tokio::test]
async fn errors_of_requests_are_not_written_and_what_operators_need_is() -> anyhow::Result<()> {
    let (first, others) = (settings(DATABASES[0]), DATABASES[1..].iter().map(|name| settings(name)));
    for other in others {
        assert_eq!(other, first, "what holds for one database holds for all");
    }
    let log = log_of_errors(first).await?;
    for told in OF_REQUESTS {
        assert!(!log.contains(told), "{told}: {log}");
    }
    for wanted in ["ready to accept connections", "FATAL:  terminating connection", "checkpoint", "is shut down"] {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }

    // It would say all of it, were it not told otherwise.
    let log = log_of_errors(Vec::new()).await?;
    for told in OF_REQUESTS {
        assert!(log.contains(told), "{told}: {log}");
    }
    Ok(())
}

/// Begins as it does in its container, but for the copy of the database that is there already.
#[test]
fn the_standby_is_started_as_the_database_is() {
    const SCRIPT: &str = "
        directory=$1 script=$2
        shift 2
        mount -t tmpfs none /run
        mkdir /run/secrets
        echo hunter2 >/run/secrets/replication
        cd \"$directory\"
        printf '#!/bin/sh\\nprintf \"%%s\\\\n\" \"$0\" \"$@\"\\n' >postgres
        chmod 755 postgres
        touch standby.signal
        echo 15 >PG_VERSION
        PGDATA=$directory PATH=$directory:$PATH exec sh \"$script\" \"$@\"";
    let replica = &yaml(&repository("deploy/compose.yaml"))[0]["services"]["key-database-replica"];
    let line = words(&replica["entrypoint"]).into_iter().chain(words(&replica["command"])).collect::<Vec<_>>();
    assert_eq!(line[..2], ["/bin/sh", "/etc/pratique/standby.sh"]);
    let directory = tempfile::tempdir().expect("a directory");
    let script = repository("deploy/compose/standby.sh");
    let mut command = apart(SCRIPT, &[&directory.path(), &std::path::absolute(script).expect("there is a directory")]);
    let said = run(command.args(&line[2..]));
    let given: Vec<&str> = said.lines().skip(1).collect();
    let expected = words(&replica["command"]);
    assert_eq!(given[..expected.len() - 1], expected[1..]);
    assert!(given.iter().any(|word| word.starts_with("primary_conninfo=host=key-database ")), "{given:?}");
}

/// What a database of the composition is told on its command line.
fn settings(service: &str) -> Vec<(String, String)> {
    let words = words(&yaml(&repository("deploy/compose.yaml"))[0]["services"][service]["command"]);
    assert_eq!(words[0], "postgres", "{service}");
    let pairs = words[1..].chunks(2).map(|pair| {
        assert_eq!(pair[0], "-c", "{service}");
        pair[1].split_once('=').expect("NAME=VALUE")
    });
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

/// Runs a database with these settings, has it err as it does under uploads that are in each other's way, and reads its log.
async fn log_of_errors(settings: Vec<(String, String)>) -> anyhow::Result<String> {
    let cluster = Cluster::start(&Options { settings, ..Options::default() })?;
    store::migrate_key_store(&cluster.url("postgres").parse()?).await?;
    let client = cluster.connect("postgres").await?;
    err(&client).await?;
    be_ended(&cluster, &client).await?;
    client.batch_execute("CHECKPOINT").await?;
    drop(client);
    cluster.stop(StopMode::Fast)?;
    Ok(cluster.log()?)
}

/// A connection is ended with a statement under way, as when the database is taken from its programs for an upgrade.
async fn be_ended(cluster: &Cluster, client: &Client) -> anyhow::Result<()> {
    let other = cluster.connect("postgres").await?;
    let number: i32 = other.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    let asking = tokio::spawn(async move { other.batch_execute("SELECT pg_sleep(600), 'under way'").await });
    let active = "SELECT FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%under way%' AND state = 'active'";
    let begun = Instant::now();
    while client.query_opt(active, &[&number]).await?.is_none() {
        ensure!(begun.elapsed() < PATIENCE && !asking.is_finished(), "its statement does not begin");
        tokio::task::yield_now().await;
    }
    client.execute("SELECT pg_terminate_backend($1, 60000)", &[&number]).await?;
    asking.await?.expect_err("it was ended");
    Ok(())
}

/// A key that is uploaded twice, and one that is uploaded while it is sealed: what a pair of requests comes to that the statement of neither could see.
async fn err(client: &Client) -> anyhow::Result<()> {
    let fresh = format!("INSERT INTO gaen_fresh VALUES ('\\x{KEY}', 0, 144, 1, 1, 0, 1, 'example', 'kid', 1, 3600)");
    let sealed = format!("INSERT INTO gaen_kept VALUES ('\\x{KEY}', 0, 144, 1, 1, 0, 1, 'example', 'kid', 1)");
    client.batch_execute(&fresh).await?;
    let twice = client.batch_execute(&fresh).await.expect_err("the key is there");
    assert_eq!(twice.code().map(|code| code.code()), Some("23505"));
    client.batch_execute(&format!("DELETE FROM gaen_fresh; {sealed}")).await?;
    let late = client.batch_execute(&fresh).await.expect_err("the key is sealed");
    assert_eq!(late.code().map(|code| code.code()), Some("40001"));
    Ok(())
}
