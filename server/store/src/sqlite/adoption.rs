//! `Adoptions` on SQLite. A transaction that writes began IMMEDIATE, so that nobody seals meanwhile.

use async_trait::async_trait;
use proto::tcn::SignedReport;
use proto::{Feed, Timestamp};
use rusqlite::{Transaction, params};
use sha2::{Digest, Sha256};

use super::column::{at, integer, malformed, number, value};
use super::feeds::FeedRow;
use super::key_store::SqliteKeyStore;
use super::{adopted, audit, bundle_rows, feeds, listing};
use crate::adoption::{AdoptedBundle, Adoption, Adoptions, FeedStanding, StandingBundle, ensure_same};
use crate::audit::Act;
use crate::error::StoreError;
use crate::stored::{self, Reason};

#[async_trait]
impl Adoptions for SqliteKeyStore {
    async fn standing(&self, feed: &Feed) -> Result<FeedStanding, StoreError> {
        let feed = feed.clone();
        self.pool.read("adoption::standing", move |tx: &Transaction<'_>| Ok(feeds::find(tx, &feed)?.standing())).await
    }

    async fn standing_bundles(&self, feed: &Feed) -> Result<Vec<StandingBundle>, StoreError> {
        let feed = feed.clone();
        self.pool.read("adoption::standing_bundles", move |tx| standing_bundles(tx, &feed)).await
    }

    async fn reports_by_digest(&self, digests: &[[u8; 32]]) -> Result<Vec<SignedReport>, StoreError> {
        let digests = digests.to_vec();
        self.pool.read("adoption::reports_by_digest", move |tx| reports(tx, &digests)).await
    }

    async fn adopt_bundle(&self, feed: &Feed, bundle: &AdoptedBundle) -> Result<(), StoreError> {
        bundle.check()?;
        let (feed, bundle, clock) = (feed.clone(), bundle.clone(), self.clock.clone());
        let adopt = move |tx: &Transaction<'_>| adopted::write(tx, &feed, &bundle, clock.now());
        self.pool.write("adoption::adopt_bundle", adopt).await?;
        // The log keeps the order in which keys came, as at a seal.
        self.empty_log().await;
        Ok(())
    }

    async fn adopt(&self, feed: &Feed, adoption: &Adoption, act: &Act) -> Result<(), StoreError> {
        let (feed, adoption, act, clock) = (feed.clone(), adoption.clone(), act.clone(), self.clock.clone());
        let adopt = move |tx: &Transaction<'_>| adopt(tx, &feed, (&adoption, &act), clock.now());
        self.pool.write("adoption::adopt", adopt).await?;
        self.empty_log().await;
        Ok(())
    }

    async fn renumber(&self, feed: &Feed) -> Result<u64, StoreError> {
        let (feed, clock) = (feed.clone(), self.clock.clone());
        let renumber = move |tx: &Transaction<'_>| {
            let row = feeds::find(tx, &feed)?;
            feeds::take_number(tx, &row, clock.now(), Reason::Adopt)
        };
        self.pool.write("adoption::renumber", renumber).await
    }
}

fn standing_bundles(tx: &Transaction<'_>, feed: &Feed) -> Result<Vec<StandingBundle>, StoreError> {
    const SQL: &str = "-- bundle::standing
        SELECT sequence, state IN ('recalled', 'void'), listed_number, delisted_number
        FROM bundle WHERE feed = ?1 ORDER BY sequence";
    let id = feeds::find(tx, feed)?.id;
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([id])?;
    let mut bundles = Vec::new();
    while let Some(row) = rows.next()? {
        let sequence = number(row, 0)?;
        bundles.push(StandingBundle {
            row: bundle_rows::find(tx, (feed, id), sequence)?.ok_or(StoreError::NotFound("bundle"))?,
            recalled: value(row, 1)?,
            listed_number: number(row, 2)?,
            delisted_number: value::<Option<i64>>(row, 3)?.map(|_| number(row, 3)).transpose()?,
        });
    }
    Ok(bundles)
}

/// Reads all reports: they are hashed here, since SQLite does not hash.
fn reports(tx: &Transaction<'_>, digests: &[[u8; 32]]) -> Result<Vec<SignedReport>, StoreError> {
    const SQL: &str = "-- tcn_publication::reports
        SELECT signed_report FROM tcn_publication UNION SELECT signed_report FROM tcn_waiting";
    if digests.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let bytes: Vec<u8> = value(row, 0)?;
        if digests.contains(&Sha256::digest(&bytes).into()) {
            found.push(SignedReport::decode(&bytes).map_err(malformed).map_err(at("tcn_publication"))?);
        }
    }
    Ok(found)
}

fn adopt(
    tx: &Transaction<'_>,
    feed: &Feed,
    (adoption, act): (&Adoption, &Act),
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = feeds::find(tx, feed)?;
    for &sequence in &adoption.recalled {
        adopted::recall(tx, feed, (row.id, sequence), adoption.listing.number, now)?;
    }
    settle(tx, &row, adoption)?;
    number_anew(tx, &row, adoption)?;
    announce_anew(tx, &row, adoption)?;
    adopted::rewrite(tx, feed.kind, row.id)?;
    audit::insert(tx, act)?;
    ensure_same(feed, &adoption.listing, &listing::listing(tx, feed, adoption.listing.number)?)
}

/// What is listed is listed, and what is too old is not.
fn settle(tx: &Transaction<'_>, row: &FeedRow, adoption: &Adoption) -> Result<(), StoreError> {
    const LISTED: &str = "-- bundle::adopt
        UPDATE bundle SET delisted_number = NULL WHERE feed = ?1 AND sequence = ?2 AND delisted_number IS NOT NULL";
    const EXPIRED: &str = "-- bundle::adopt (expired)
        UPDATE bundle SET delisted_number = ?3 WHERE feed = ?1 AND sequence = ?2";
    for bundle in &adoption.listing.bundles {
        tx.prepare_cached(LISTED)?.execute([row.id, integer(bundle.sequence)])?;
    }
    for &sequence in &adoption.expired {
        tx.prepare_cached(EXPIRED)?.execute([row.id, integer(sequence), integer(adoption.listing.number)])?;
    }
    Ok(())
}

fn number_anew(tx: &Transaction<'_>, row: &FeedRow, adoption: &Adoption) -> Result<(), StoreError> {
    const FORGET: &str = "-- feed_number::adopt (forget)
        DELETE FROM feed_number WHERE feed = ?1 AND number >= ?2";
    const NUMBER: &str = "-- feed_number::adopt
        INSERT INTO feed_number (feed, number, taken_at, reason) VALUES (?1, ?2, ?3, ?4)";
    const FEED: &str = "-- feeds::adopt
        UPDATE feed SET number = ?2, oldest_number = ?2, next_sequence = ?3, last_end = ?4 WHERE id = ?1";
    let number = integer(adoption.listing.number);
    tx.prepare_cached(FORGET)?.execute([row.id, number])?;
    let time = adoption.listing.time.unix();
    tx.prepare_cached(NUMBER)?.execute(params![row.id, number, time, Reason::Adopt.as_str()])?;
    let (next_sequence, last_end) = (integer(adoption.next_sequence), adoption.last_end.unix());
    tx.prepare_cached(FEED)?.execute([row.id, number, next_sequence, last_end])?;
    Ok(())
}

/// No older number can be told any more, so that nothing else needs what was announced at one.
fn announce_anew(tx: &Transaction<'_>, row: &FeedRow, adoption: &Adoption) -> Result<(), StoreError> {
    const FORGET: [&str; 2] = [
        "-- announced_key::adopt (forget)
            DELETE FROM announced_key WHERE feed = ?1",
        "-- announced_gateway::adopt (forget)
            DELETE FROM announced_gateway WHERE feed = ?1",
    ];
    const KEY: &str = "-- announced_key::adopt
        INSERT INTO announced_key (feed, from_number, usage, key_id, key_version, spki, not_before)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    const GATEWAY: &str = "-- announced_gateway::adopt
        INSERT INTO announced_gateway (feed, from_number, service, sha256) VALUES (?1, ?2, ?3, ?4)";
    for forget in FORGET {
        tx.prepare_cached(forget)?.execute([row.id])?;
    }
    let number = integer(adoption.listing.number);
    for known in &adoption.listing.keys {
        let (usage, key, not_before) = (stored::usage(known.usage), &known.key, known.not_before.unix());
        let values = params![row.id, number, usage, key.id, key.version, known.spki, not_before];
        tx.prepare_cached(KEY)?.execute(values)?;
    }
    for gateway in &adoption.listing.gateways {
        tx.prepare_cached(GATEWAY)?.execute(params![row.id, number, gateway.service.as_str(), gateway.sha256])?;
    }
    Ok(())
}
