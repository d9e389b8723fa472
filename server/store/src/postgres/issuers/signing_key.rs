//! The table `authority_key`: the public halves of certificate signing keys.

use proto::Timestamp;
use proto::certificate::CertificateKey;
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::issuers::IssuerKey;
use crate::postgres::column;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::{Mode, Transaction};

/// A key and whose it is to be; when the others of the authority retire, if they do.
type Rotation<'a> = (&'a str, &'a IssuerKey, Option<Timestamp>);

/// Inserts a key, unless it is there already.
pub(super) async fn add(pool: &Pool, authority: &str, key: &IssuerKey) -> Result<(), StoreError> {
    let given: Rotation<'_> = (authority, key, None);
    pool.transact("issuers::add_key", Mode::Write, &given, |tx, given| Box::pin(insert(tx, given))).await
}

/// Inserts a key that takes the place of all others.
pub(super) async fn rotate(
    pool: &Pool,
    authority: &str,
    key: &IssuerKey,
    others_retire_at: Timestamp,
) -> Result<(), StoreError> {
    let given: Rotation<'_> = (authority, key, Some(others_retire_at));
    pool.transact("issuers::rotate_key", Mode::Write, &given, |tx, given| Box::pin(insert(tx, given))).await
}

/// The lock on the authority lets one rotation wait for another, so that it sees the other's key and retires it.
async fn insert(tx: &Transaction<'_>, (authority, key, others_retire_at): &Rotation<'_>) -> Result<(), StoreError> {
    const LOCK: &str = "-- issuers::add_key, lock
        SELECT 1 FROM authority WHERE id = $1 FOR NO KEY UPDATE";
    const SQL: &str = "-- issuers::add_key
        INSERT INTO authority_key (kid, authority, public_key, signs_from, retired_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING";
    const OWNER: &str = "-- issuers::add_key, owner
        SELECT authority FROM authority_key WHERE kid = $1";
    const RETIRE: &str = "-- issuers::rotate_key
        UPDATE authority_key SET retired_at = $3
        WHERE authority = $1 AND kid <> $2 AND (retired_at IS NULL OR retired_at > $3)";
    tx.maybe_row(LOCK, &[authority]).await?.ok_or(StoreError::NotFound("authority"))?;
    let (pem, from, until) = (key.key.to_pem(), key.signs_from.unix(), key.retires_at.map(Timestamp::unix));
    if tx.execute(SQL, &[&key.kid, authority, &pem, &from, &until]).await? == 0 {
        let row = tx.row(OWNER, &[&key.kid]).await?;
        let same = column::value::<&str>(&row, 0)? == *authority;
        return if same { Ok(()) } else { Err(StoreError::Exists("another authority's key with this kid")) };
    }
    if let Some(at) = others_retire_at {
        tx.execute(RETIRE, &[authority, &key.kid, &at.unix()]).await?;
    }
    Ok(())
}

/// Writes when a key ceases to be published. Never later than was said before: who was told so has let go of it.
pub(super) async fn retire(pool: &Pool, authority: &str, kid: &str, at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::retire_key
        UPDATE authority_key SET retired_at = least(retired_at, $3) WHERE authority = $1 AND kid = $2 RETURNING 1";
    let written = pool.query("issuers::retire_key", SQL, &[&authority, &kid, &at.unix()]).await?;
    if written.is_empty() { Err(StoreError::NotFound("signing key of this authority")) } else { Ok(()) }
}

/// Reads the keys that had not retired at `since`. An authority without any is one row without a key.
pub(super) async fn list(pool: &Pool, authority: &str, since: Timestamp) -> Result<Option<Vec<IssuerKey>>, StoreError> {
    const SQL: &str = "-- issuers::keys
        SELECT authority_key.kid, authority_key.public_key, authority_key.signs_from, authority_key.retired_at
        FROM authority LEFT JOIN authority_key ON authority_key.authority = authority.id
            AND (authority_key.retired_at IS NULL OR authority_key.retired_at > $2)
        WHERE authority.id = $1 ORDER BY authority_key.signs_from DESC, authority_key.kid COLLATE \"C\"";
    // Anybody may ask for an authority's keys. PostgreSQL does not compare with a text that has a zero byte, and no id has one.
    if authority.contains('\0') {
        return Ok(None);
    }
    let rows = pool.query("issuers::keys", SQL, &[&authority, &since.unix()]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    rows.iter().filter_map(|row| read(row).transpose()).collect::<Result<_, _>>().map(Some)
}

fn read(row: &Row) -> Result<Option<IssuerKey>, StoreError> {
    let Some(kid) = column::value(row, 0)? else { return Ok(None) };
    let key = CertificateKey::from_pem(column::value(row, 1)?)
        .map_err(|malformed| StoreError::Corrupt(format!("authority_key.{malformed}")))?;
    let retires_at = column::maybe_number(row, 3)?.map(Timestamp::from_unix);
    Ok(Some(IssuerKey { kid, key, signs_from: column::time(row, 2)?, retires_at }))
}
