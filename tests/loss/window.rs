//! The exporter that this project does not have: at each visit it takes what was received since the visit before, by the database's own clock.
//!
//! It sees every receipt time to the millisecond, and it is never killed. What was received before its visit and is committed after it, it will
//! never see.

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use rusqlite::Connection;
use tests::engine::Place;

/// Between two visits.
const PERIOD: Duration = Duration::from_millis(200);

/// Looks at one database.
pub(crate) struct Window {
    source: Source,
    /// Up to which receipt time it has taken everything, as it believes.
    seen_to: i64,
    taken: HashSet<Vec<u8>>,
}

enum Source {
    File(Connection),
    Server(tokio_postgres::Client),
}

impl Window {
    pub(crate) async fn open(place: &Place) -> anyhow::Result<Self> {
        let source = match place {
            Place::File(path) => Source::File(Connection::open(path)?),
            Place::Server(database) => Source::Server(database.connect().await?),
        };
        Ok(Self { source, seen_to: 0, taken: HashSet::new() })
    }

    /// Visits again and again while something else happens, and once more when it is done; what that gave.
    pub(crate) async fn look_until<T>(mut self, done: impl Future<Output = T>) -> anyhow::Result<(Self, T)> {
        let mut done = pin!(done);
        loop {
            match tokio::time::timeout(PERIOD, &mut done).await {
                Ok(result) => {
                    self.visit().await?;
                    return Ok((self, result));
                }
                Err(_) => self.visit().await?,
            }
        }
    }

    /// How many of these keys it never took.
    pub(crate) fn lost(&self, keys: impl Iterator<Item = Vec<u8>>) -> usize {
        keys.filter(|key| !self.taken.contains(key)).count()
    }

    async fn visit(&mut self) -> anyhow::Result<()> {
        const KEYS: &str = "SELECT key FROM received WHERE at > $1 AND at <= $2";
        let from = self.seen_to;
        let (now, keys): (i64, Vec<Vec<u8>>) = match &self.source {
            Source::Server(client) => {
                const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
                let now = client.query_one(NOW, &[]).await?.get(0);
                (now, client.query(KEYS, &[&from, &now]).await?.iter().map(|row| row.get(0)).collect())
            }
            Source::File(database) => {
                const NOW: &str = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)";
                let now = database.query_row(NOW, [], |row| row.get(0))?;
                let mut keys = database.prepare_cached(KEYS)?;
                let keys = keys.query_map([from, now], |row| row.get(0))?;
                (now, keys.collect::<Result<_, _>>()?)
            }
        };
        self.taken.extend(keys);
        self.seen_to = now;
        Ok(())
    }
}
