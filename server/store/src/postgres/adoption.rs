//! `Adoptions` on PostgreSQL.

use async_trait::async_trait;
use proto::Feed;
use proto::tcn::SignedReport;

use super::column::{at, integer, malformed, maybe_number, number, value};
use super::feeds::FeedRow;
use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Transaction};
use super::{adopted, audit, bundle_rows, feeds, listing};
use crate::adoption::{AdoptedBundle, Adoption, Adoptions, FeedStanding, StandingBundle, ensure_same};
use crate::audit::Act;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::stored::{self, Reason};

#[async_trait]
impl Adoptions for PostgresKeyStore {
    async fn standing(&self, feed: &Feed) -> Result<FeedStanding, StoreError> {
        let given = (feed, &self.clock);
        self.pool.transact("adoption::standing", Mode::Read, &given, |tx, given| Box::pin(standing(tx, *given))).await
    }

    async fn standing_bundles(&self, feed: &Feed) -> Result<Vec<StandingBundle>, StoreError> {
        let given = (feed, &self.clock);
        let bundles = self.pool.transact("adoption::standing_bundles", Mode::Read, &given, |tx, given| {
            Box::pin(standing_bundles(tx, *given))
        });
        bundles.await
    }

    async fn reports_by_digest(&self, digests: &[[u8; 32]]) -> Result<Vec<SignedReport>, StoreError> {
        let reports = self.pool.transact("adoption::reports_by_digest", Mode::Read, &digests, |tx, digests| {
            Box::pin(reports(tx, digests))
        });
        reports.await
    }

    async fn adopt_bundle(&self, feed: &Feed, bundle: &AdoptedBundle) -> Result<(), StoreError> {
        bundle.check()?;
        let given = (feed, bundle, &self.clock);
        let adopt = self
            .pool
            .transact("adoption::adopt_bundle", Mode::Frozen, &given, |tx, given| Box::pin(adopted::write(tx, *given)));
        adopt.await
    }

    async fn adopt(&self, feed: &Feed, adoption: &Adoption, act: &Act) -> Result<(), StoreError> {
        let given = (feed, adoption, act, &self.clock);
        self.pool.transact("adoption::adopt", Mode::Frozen, &given, |tx, given| Box::pin(adopt(tx, *given))).await
    }

    async fn renumber(&self, feed: &Feed) -> Result<u64, StoreError> {
        let given = (feed, &self.clock);
        self.pool.transact("adoption::renumber", Mode::Write, &given, |tx, given| Box::pin(renumber(tx, *given))).await
    }
}

async fn standing(tx: &Transaction<'_>, (feed, clock): (&Feed, &Clock)) -> Result<FeedStanding, StoreError> {
    Ok(feeds::find(tx, feed, clock).await?.standing())
}

async fn standing_bundles(
    tx: &Transaction<'_>,
    (feed, clock): (&Feed, &Clock),
) -> Result<Vec<StandingBundle>, StoreError> {
    const SQL: &str = "-- bundle::standing
        SELECT sequence, state IN ('recalled', 'void'), listed_number, delisted_number
        FROM bundle WHERE feed = $1 ORDER BY sequence";
    let id = feeds::find(tx, feed, clock).await?.id;
    let mut bundles = Vec::new();
    for row in tx.rows(SQL, &[&id]).await? {
        let sequence = number(&row, 0)?;
        bundles.push(StandingBundle {
            row: bundle_rows::find(tx, (feed, id), sequence).await?.ok_or(StoreError::NotFound("bundle"))?,
            recalled: value(&row, 1)?,
            listed_number: number(&row, 2)?,
            delisted_number: maybe_number(&row, 3)?,
        });
    }
    Ok(bundles)
}

async fn reports(tx: &Transaction<'_>, digests: &[[u8; 32]]) -> Result<Vec<SignedReport>, StoreError> {
    const SQL: &str = "-- tcn_publication::reports
        SELECT signed_report FROM tcn_publication WHERE sha256(signed_report) = ANY ($1::bytea[])
        UNION SELECT signed_report FROM tcn_waiting WHERE sha256(signed_report) = ANY ($1::bytea[])";
    if digests.is_empty() {
        return Ok(Vec::new());
    }
    let digests: Vec<&[u8]> = digests.iter().map(<[u8; 32]>::as_slice).collect();
    let read = |row: &tokio_postgres::Row| SignedReport::decode(value(row, 0)?).map_err(malformed);
    tx.rows(SQL, &[&digests]).await?.iter().map(|row| read(row).map_err(at("tcn_publication"))).collect()
}

async fn renumber(tx: &Transaction<'_>, (feed, clock): (&Feed, &Clock)) -> Result<u64, StoreError> {
    let row = feeds::lock(tx, feed, clock).await?;
    feeds::take_number(tx, &row, Reason::Adopt).await
}

async fn adopt(
    tx: &Transaction<'_>,
    (feed, adoption, act, clock): (&Feed, &Adoption, &Act, &Clock),
) -> Result<(), StoreError> {
    let row = adopted::lock(tx, feed, clock).await?;
    for &sequence in &adoption.recalled {
        adopted::recall(tx, feed, &row, (sequence, adoption.listing.number)).await?;
    }
    settle(tx, &row, adoption).await?;
    number_anew(tx, &row, adoption).await?;
    announce_anew(tx, &row, adoption).await?;
    audit::insert(tx, act).await?;
    let told = listing::listing(tx, (feed, adoption.listing.number, clock)).await?;
    ensure_same(feed, &adoption.listing, &told)
}

/// What is listed is listed, and what is too old is not.
async fn settle(tx: &Transaction<'_>, row: &FeedRow, adoption: &Adoption) -> Result<(), StoreError> {
    const LISTED: &str = "-- bundle::adopt
        UPDATE bundle SET delisted_number = NULL
        WHERE feed = $1 AND sequence = ANY ($2) AND delisted_number IS NOT NULL";
    const EXPIRED: &str = "-- bundle::adopt (expired)
        UPDATE bundle SET delisted_number = $3 WHERE feed = $1 AND sequence = ANY ($2)";
    let listed: Vec<i64> = adoption.listing.bundles.iter().map(|bundle| integer(bundle.sequence)).collect();
    let expired: Vec<i64> = adoption.expired.iter().copied().map(integer).collect();
    tx.execute(LISTED, &[&row.id, &listed]).await?;
    tx.execute(EXPIRED, &[&row.id, &expired, &integer(adoption.listing.number)]).await?;
    Ok(())
}

async fn number_anew(tx: &Transaction<'_>, row: &FeedRow, adoption: &Adoption) -> Result<(), StoreError> {
    const FORGET: &str = "-- feed_number::adopt (forget)
        DELETE FROM feed_number WHERE feed = $1 AND number >= $2";
    const NUMBER: &str = "-- feed_number::adopt
        INSERT INTO feed_number (feed, number, taken_at, reason) VALUES ($1, $2, $3, $4)";
    const FEED: &str = "-- feeds::adopt
        UPDATE feed SET number = $2, oldest_number = $2, next_sequence = $3, last_end = $4 WHERE id = $1";
    let number = integer(adoption.listing.number);
    tx.execute(FORGET, &[&row.id, &number]).await?;
    let time = adoption.listing.time.unix();
    tx.execute(NUMBER, &[&row.id, &number, &time, &Reason::Adopt.as_str()]).await?;
    let (next_sequence, last_end) = (integer(adoption.next_sequence), adoption.last_end.unix());
    tx.execute(FEED, &[&row.id, &number, &next_sequence, &last_end]).await?;
    Ok(())
}

/// No older number can be told any more, so that nothing else needs what was announced at one.
async fn announce_anew(tx: &Transaction<'_>, row: &FeedRow, adoption: &Adoption) -> Result<(), StoreError> {
    const FORGET: [&str; 2] = [
        "-- announced_key::adopt (forget)
            DELETE FROM announced_key WHERE feed = $1",
        "-- announced_gateway::adopt (forget)
            DELETE FROM announced_gateway WHERE feed = $1",
    ];
    const KEY: &str = "-- announced_key::adopt
        INSERT INTO announced_key (feed, from_number, usage, key_id, key_version, spki, not_before)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    const GATEWAY: &str = "-- announced_gateway::adopt
        INSERT INTO announced_gateway (feed, from_number, service, sha256) VALUES ($1, $2, $3, $4)";
    for forget in FORGET {
        tx.execute(forget, &[&row.id]).await?;
    }
    let number = integer(adoption.listing.number);
    for known in &adoption.listing.keys {
        let (usage, key, not_before) = (stored::usage(known.usage), &known.key, known.not_before.unix());
        tx.execute(KEY, &[&row.id, &number, &usage, &key.id, &key.version, &known.spki, &not_before]).await?;
    }
    for gateway in &adoption.listing.gateways {
        let (service, sha256) = (gateway.service.as_str(), gateway.sha256.as_slice());
        tx.execute(GATEWAY, &[&row.id, &number, &service, &sha256]).await?;
    }
    Ok(())
}
