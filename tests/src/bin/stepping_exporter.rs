//! An exporter that can be stopped anywhere: it prints a line before and after each step of a pass and waits for a line on its standard input
//! before it goes on. For tests that kill it there.
//!
//! Arguments: the database file, the directory of signing keys, seconds that its clock is off, then the directories of its buckets, which are
//! called by their last components. With `STEPPING_ADOPT` in its environment it takes over what the buckets know in place of a pass. If it names a
//! bundle in `STEPPING_RECALL`, that is recalled.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use exporter::bucket::DirectoryBucket;
use exporter::steps::Step;
use exporter::{Exporter, Pace};
use store::Clock;
use tests::stepping;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &'static str| arguments.next().context(what);
    let (database, keys) = (PathBuf::from(next("a database")?), PathBuf::from(next("a directory of keys")?));
    let clock = Clock::system();
    clock.set_offset(next("seconds")?.parse()?);
    let mut exporter = Exporter::open(&stepping::settings(&database, keys)?, clock)
        .await?
        // The same pass takes the same steps in the same order.
        .with_pace(Pace { at_once: false, ..Pace::default() })
        .with_steps(Arc::new(|step: &Step<'_>| stepping::stop_at(step)));
    for directory in arguments {
        let name = Path::new(&directory).file_name().context("a directory with a name")?.to_string_lossy().into_owned();
        exporter = exporter.with_bucket(&name, Arc::new(DirectoryBucket::open(Path::new(&directory))?));
    }
    if let Ok(recall) = std::env::var(stepping::RECALL) {
        let report = exporter.recall(&stepping::recall_of(&recall)?).await?;
        anyhow::ensure!(report.exit_code() == 0, "{report}");
        return Ok(());
    }
    if std::env::var_os(stepping::ADOPT).is_some() {
        let report = exporter.adopt(&"the disk was lost".parse()?, false).await?;
        anyhow::ensure!(report.exit_code() == 0, "{report}");
        return Ok(());
    }
    let report = exporter.once().await?;
    anyhow::ensure!(report.exit_code() == 0, "{report}");
    Ok(())
}
