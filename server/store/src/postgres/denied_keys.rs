//! The table `denied_key`.

use proto::Timestamp;

use super::authority_rows;
use super::column::{time, value};
use super::transaction::Transaction;
use crate::error::StoreError;
use crate::trust::{Denial, DeniedKey};

/// Denies a key of an authority from some time on, or from now on; a denial that stands is only moved to an earlier time.
pub(super) async fn deny(
    tx: &Transaction<'_>,
    (authority, kid, since, offset): &(&str, &str, Option<Timestamp>, i64),
) -> Result<Denial, StoreError> {
    // Of two that deny it at once the second waits for the first, and then finds its row.
    const NOW: &str = "-- denied_key::deny (now)
        SELECT floor(extract(epoch FROM clock_timestamp()))::bigint + $1";
    const DENY: &str = "-- denied_key::deny
        INSERT INTO denied_key AS standing (authority, kid, denied_since)
        VALUES ($1, $2, $3)
        ON CONFLICT (authority, kid) DO UPDATE SET denied_since = excluded.denied_since
        WHERE standing.denied_since > excluded.denied_since";
    const STANDING: &str = "-- denied_key::deny (standing)
        SELECT denied_since FROM denied_key WHERE authority = $1 AND kid = $2";
    authority_rows::require(tx, authority).await?;
    let now = time(&tx.row(NOW, &[offset]).await?, 0)?;
    let changed = tx.execute(DENY, &[authority, kid, &since.unwrap_or(now).unix()]).await? == 1;
    let standing = tx.row(STANDING, &[authority, kid]).await?;
    Ok(Denial { denied_since: time(&standing, 0)?, changed, now })
}

/// The denied keys of an authority, by their ids.
pub(super) async fn of(tx: &Transaction<'_>, authority: &str) -> Result<Vec<DeniedKey>, StoreError> {
    const SQL: &str = r#"-- denied_key::of
        SELECT kid, denied_since FROM denied_key WHERE authority = $1 ORDER BY kid COLLATE "C""#;
    let rows = tx.rows(SQL, &[&authority]).await?;
    rows.iter().map(|row| Ok(DeniedKey { kid: value(row, 0)?, denied_since: time(row, 1)? })).collect()
}
