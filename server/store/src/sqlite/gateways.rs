//! Announced keys of gateways, and `Gateways` on SQLite.

use std::collections::BTreeSet;

use async_trait::async_trait;
use proto::manifest::{AnnouncedGateway, GatewayService};
use proto::{Feed, Timestamp};
use rusqlite::{Row, Transaction, params};

use super::column::{at, integer, parsed, value};
use super::feeds;
use super::key_store::SqliteKeyStore;
use crate::error::StoreError;
use crate::gateways::Gateways;
use crate::stored::Reason;

#[async_trait]
impl Gateways for SqliteKeyStore {
    async fn announce_gateways(
        &self,
        feed: &Feed,
        service: GatewayService,
        hashes: &[[u8; 32]],
    ) -> Result<(), StoreError> {
        let (feed, clock) = (feed.clone(), self.clock.clone());
        let hashes: BTreeSet<[u8; 32]> = hashes.iter().copied().collect();
        let announce = move |tx: &Transaction<'_>| announce(tx, &feed, (service, &hashes), clock.now());
        self.pool.write("gateways::announce", announce).await
    }
}

/// Rows of keys that go are closed, never changed otherwise: an older number still names them.
fn announce(
    tx: &Transaction<'_>,
    feed: &Feed,
    (service, hashes): (GatewayService, &BTreeSet<[u8; 32]>),
    now: Timestamp,
) -> Result<(), StoreError> {
    const CLOSE: &str = "-- announced_gateway::close
        UPDATE announced_gateway SET to_number = ?3
        WHERE feed = ?1 AND to_number IS NULL AND service = ?2 AND sha256 = ?4";
    const OPEN: &str = "-- announced_gateway::open
        INSERT INTO announced_gateway (feed, service, from_number, sha256) VALUES (?1, ?2, ?3, ?4)";
    let row = feeds::find(tx, feed)?;
    let standing = announced(tx, (feed, row.id), row.number)?;
    let of_service = standing.into_iter().filter(|gateway| gateway.service == service);
    let standing: BTreeSet<[u8; 32]> = of_service.map(|gateway| gateway.sha256).collect();
    if standing == *hashes {
        return Ok(());
    }
    let number = integer(feeds::take_number(tx, &row, now, Reason::Announce)?);
    for (sql, changed) in [(CLOSE, standing.difference(hashes)), (OPEN, hashes.difference(&standing))] {
        for sha256 in changed {
            tx.prepare_cached(sql)?.execute(params![row.id, service.as_str(), number, sha256])?;
        }
    }
    Ok(())
}

/// The keys announced at `number`, by service and bytes.
pub(super) fn announced(
    tx: &Transaction<'_>,
    (feed, id): (&Feed, i64),
    number: u64,
) -> Result<Vec<AnnouncedGateway>, StoreError> {
    const SQL: &str = "-- announced_gateway::list
        SELECT service, sha256 FROM announced_gateway
        WHERE feed = ?1 AND from_number <= ?2 AND (to_number IS NULL OR to_number > ?2)
        ORDER BY service, sha256";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([id, integer(number)])?;
    let mut gateways = Vec::new();
    while let Some(row) = rows.next()? {
        gateways.push(read(row).map_err(at(format_args!("announced_gateway of {feed}")))?);
    }
    Ok(gateways)
}

fn read(row: &Row<'_>) -> Result<AnnouncedGateway, StoreError> {
    Ok(AnnouncedGateway { service: parsed(row, 0)?, sha256: value(row, 1)? })
}
