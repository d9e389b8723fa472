//! Announced keys of gateways, and `Gateways` on PostgreSQL.

use std::collections::BTreeSet;

use async_trait::async_trait;
use proto::Feed;
use proto::manifest::{AnnouncedGateway, GatewayService};
use tokio_postgres::Row;

use super::column::{array, at, integer, parsed};
use super::feeds;
use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Transaction};
use crate::clock::Clock;
use crate::error::StoreError;
use crate::gateways::Gateways;
use crate::stored::Reason;

/// What is to be announced.
struct Given<'a> {
    feed: &'a Feed,
    service: GatewayService,
    hashes: BTreeSet<[u8; 32]>,
    clock: &'a Clock,
}

#[async_trait]
impl Gateways for PostgresKeyStore {
    async fn announce_gateways(
        &self,
        feed: &Feed,
        service: GatewayService,
        hashes: &[[u8; 32]],
    ) -> Result<(), StoreError> {
        let given = Given { feed, service, hashes: hashes.iter().copied().collect(), clock: &self.clock };
        let announce =
            self.pool.transact("gateways::announce", Mode::Write, &given, |tx, given| Box::pin(announce(tx, given)));
        announce.await
    }
}

/// Rows of keys that go are closed, never changed otherwise: an older number still names them.
async fn announce(tx: &Transaction<'_>, given: &Given<'_>) -> Result<(), StoreError> {
    const CLOSE: &str = "-- announced_gateway::close
        UPDATE announced_gateway SET to_number = $3
        WHERE feed = $1 AND to_number IS NULL AND service = $2 AND sha256 = ANY ($4)";
    const OPEN: &str = "-- announced_gateway::open
        INSERT INTO announced_gateway (feed, from_number, service, sha256) SELECT $1, $3, $2, unnest($4::bytea[])";
    let Given { feed, service, hashes, clock } = given;
    let row = feeds::lock(tx, feed, clock).await?;
    let standing = announced(tx, (feed, row.id), row.number).await?;
    let of_service = standing.into_iter().filter(|gateway| gateway.service == *service);
    let standing: BTreeSet<[u8; 32]> = of_service.map(|gateway| gateway.sha256).collect();
    if standing == *hashes {
        return Ok(());
    }
    let number = integer(feeds::take_number(tx, &row, Reason::Announce).await?);
    for (sql, changed) in [(CLOSE, standing.difference(hashes)), (OPEN, hashes.difference(&standing))] {
        let changed: Vec<&[u8]> = changed.map(<[u8; 32]>::as_slice).collect();
        tx.execute(sql, &[&row.id, &service.as_str(), &number, &changed]).await?;
    }
    Ok(())
}

/// The keys announced at `number`, by service and bytes.
pub(super) async fn announced(
    tx: &Transaction<'_>,
    (feed, id): (&Feed, i32),
    number: u64,
) -> Result<Vec<AnnouncedGateway>, StoreError> {
    const SQL: &str = r#"-- announced_gateway::list
        SELECT service, sha256 FROM announced_gateway
        WHERE feed = $1 AND from_number <= $2 AND (to_number IS NULL OR to_number > $2)
        ORDER BY service COLLATE "C", sha256"#;
    let rows = tx.rows(SQL, &[&id, &integer(number)]).await?;
    let read = |row: &Row| Ok(AnnouncedGateway { service: parsed(row, 0)?, sha256: array(row, 1)? });
    rows.iter().map(read).collect::<Result<_, _>>().map_err(at(format_args!("announced_gateway of {feed}")))
}
