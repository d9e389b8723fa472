//! Exporters that never rest: the program `restless_exporter` makes one pass after the other and says each step, until somebody kills it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context as _;
use exporter::bucket::DirectoryBucket;
use exporter::{Exporter, Settings};
use proto::Feed;
use store::Clock;

/// What a restless exporter works on.
#[derive(Debug, Clone)]
pub struct Restless {
    /// The URL of the database.
    pub database: String,
    /// The directory of signing keys.
    pub keys: PathBuf,
    /// Its feeds.
    pub feeds: Vec<Feed>,
    /// Fewer keys than this are held.
    pub minimum: u32,
    /// Its buckets, which are called by the last components of their paths.
    pub buckets: Vec<PathBuf>,
}

impl Restless {
    /// The command that starts `restless_exporter`, whose path is `program`, with a clock that is off by so many seconds.
    pub fn command(&self, program: &str, offset: i64) -> Command {
        let mut command = Command::new(program);
        let feeds: Vec<String> = self.feeds.iter().map(Feed::to_string).collect();
        command.arg(&self.database).arg(&self.keys).arg(feeds.join(",")).arg(self.minimum.to_string());
        command.arg(offset.to_string()).args(&self.buckets);
        command
    }

    /// What such a command line says, without the program's name; and by how many seconds the clock is off.
    ///
    /// # Errors
    /// What is missing or cannot be read.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<(Self, i64)> {
        let mut next = |what: &'static str| arguments.next().context(what);
        let (database, keys) = (next("a database")?, next("a directory of keys")?.into());
        let feeds = next("feeds")?.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let minimum = next("a minimum")?.parse()?;
        let offset = next("seconds")?.parse()?;
        Ok((Self { database, keys, feeds, minimum, buckets: arguments.map(PathBuf::from).collect() }, offset))
    }

    /// The exporter itself, with such a clock.
    ///
    /// # Errors
    /// Those of the exporter.
    pub async fn open(&self, offset: i64) -> anyhow::Result<Exporter> {
        let clock = Clock::system();
        clock.set_offset(offset);
        let settings = Settings {
            feeds: self.feeds.clone(),
            minimum_keys: self.minimum,
            ..Settings::new(self.database.parse()?, self.keys.clone())
        };
        let mut exporter = Exporter::open(&settings, clock).await?;
        for directory in &self.buckets {
            exporter = exporter.with_bucket(&name(directory)?, Arc::new(DirectoryBucket::open(directory)?));
        }
        Ok(exporter)
    }
}

fn name(directory: &Path) -> anyhow::Result<String> {
    Ok(directory.file_name().context("a directory with a name")?.to_string_lossy().into_owned())
}
