//! Deleting what has expired, in steps that are short enough for phones to wait for.

use store::Day;

use crate::error::VerificationError;
use crate::registry::Registry;
use crate::statistics::KEPT;

/// How many rows of a kind are deleted in one transaction.
const ROWS: u32 = 500;

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// Rows that were deleted, or from which something was.
    pub rows: u64,
    /// Transactions that it took, the last of which found nothing.
    pub batches: u64,
}

/// Deletes everything that has expired: sealed codes, commitments of tokens, codes to be forgotten, who failed and how
/// often, counts of days whose figures stand, and figures that are old. May be repeated and interrupted at will.
///
/// # Errors
/// [`VerificationError::Store`] if the database fails; what was deleted until then stays deleted.
pub async fn purge(registry: &impl AsRef<Registry>) -> Result<Purged, VerificationError> {
    purge_watched(registry, |_| {}).await
}

/// The same, telling after each transaction what was deleted so far.
///
/// # Errors
/// As [`purge`].
pub async fn purge_watched(
    registry: &impl AsRef<Registry>,
    so_far: impl FnMut(Purged),
) -> Result<Purged, VerificationError> {
    purge_by(registry.as_ref(), ROWS, so_far).await
}

async fn purge_by(
    registry: &Registry,
    rows_at_once: u32,
    mut so_far: impl FnMut(Purged),
) -> Result<Purged, VerificationError> {
    let mut purged = Purged { rows: 0, batches: 0 };
    loop {
        let (store, now) = (registry.store(), registry.now());
        let oldest = Day::containing(now).plus(-KEPT);
        let rows = store.purge(now, rows_at_once).await?
            + store.forget_guesses(now, rows_at_once).await?
            + store.forget_counts(oldest, rows_at_once).await?;
        purged = Purged { rows: purged.rows + rows, batches: purged.batches + 1 };
        so_far(purged);
        if rows == 0 {
            return Ok(purged);
        }
    }
}

/// The same where nobody waits for it.
pub(crate) async fn purge_or_complain(registry: &impl AsRef<Registry>) {
    if let Err(error) = purge(registry).await {
        tracing::warn!(%error, "what has expired could not be deleted; trying again in a minute");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::handlers::fixture_test::Desk;

    #[actix_web::test]
    async fn what_has_expired_is_purged_to_the_last_row_in_bounded_batches() {
        let desk = Desk::open().await;
        for _ in 0..4 {
            assert_eq!(desk.issue(&json!({ "testType": "likely" })).await.status, 200);
        }
        desk.token().await;
        assert_eq!(purge_by(desk.state.as_ref(), 3, |_| {}).await.expect("purged"), Purged { rows: 0, batches: 1 });
        desk.clock.set_offset(900);
        // The short texts that nobody claimed, three at a time; the last batch finds nothing.
        let mut told = Vec::new();
        let purged = purge_by(desk.state.as_ref(), 3, |so_far| told.push((so_far.rows, so_far.batches))).await;
        assert_eq!(purged.expect("purged"), Purged { rows: 4, batches: 3 });
        assert_eq!(told, [(3, 1), (4, 2), (4, 3)], "and each is told of");
        desk.clock.set_offset(86_401);
        assert_eq!(
            purge_by(desk.state.as_ref(), 3, |_| {}).await.expect("purged"),
            Purged { rows: 4, batches: 3 },
            "the long ones"
        );
        desk.clock.set_offset(10 * 86_400);
        assert_eq!(purge_by(desk.state.as_ref(), 3, |_| {}).await.expect("purged"), Purged { rows: 5, batches: 3 });
        assert!(desk.is_empty().await);
    }
}
