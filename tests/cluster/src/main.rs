//! `cluster`: a throw-away PostgreSQL for as long as standard input is open. Its first line is the URL.

use std::io::{Read, Write};

use cluster::{Cluster, ClusterError, Options};

fn main() -> Result<(), ClusterError> {
    let cluster =
        Cluster::start(&Options { durable: std::env::args().any(|it| it == "--durable"), ..Options::default() })?;
    // Whoever started this may have stopped listening.
    let _ = writeln!(std::io::stdout(), "{}", cluster.url("postgres"));
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}
