//! Forgetting, in bounded steps.

use proto::Timestamp;
use rusqlite::{Transaction, params};

use crate::error::StoreError;

/// One statement for each kind of remains, each with the time and the limit. A deleted code takes its digests and commitments along.
const STEPS: [&str; 6] = [
    "-- codes::purge, self-reports
        DELETE FROM self_report WHERE phone_digest IN
        (SELECT phone_digest FROM self_report WHERE forget_at <= ?1 LIMIT ?2)",
    "-- codes::purge, sealed
        UPDATE code_digest SET sealed = NULL WHERE digest IN
        (SELECT digest FROM code_digest WHERE sealed IS NOT NULL AND expires_at <= ?1 LIMIT ?2)",
    "-- codes::purge, repeats
        UPDATE code SET repeat_until = NULL WHERE id IN
        (SELECT id FROM code WHERE repeat_until IS NOT NULL AND repeat_until <= ?1 LIMIT ?2)",
    "-- codes::purge, commitments
        DELETE FROM commitment WHERE code IN
        (SELECT DISTINCT code FROM commitment WHERE delete_at <= ?1 LIMIT ?2)",
    "-- codes::purge, codes
        DELETE FROM code WHERE id IN (SELECT id FROM code WHERE forget_at <= ?1 LIMIT ?2)",
    "-- codes::purge, tallies
        DELETE FROM message_tally WHERE digest IN (SELECT digest FROM message_tally WHERE ends_at <= ?1 LIMIT ?2)",
];

/// Runs each step once; answers how many rows they touched.
pub(super) fn run(transaction: &Transaction<'_>, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let mut rows = 0;
    for step in STEPS {
        rows += transaction.prepare_cached(step)?.execute(params![now.unix(), limit])? as u64;
    }
    Ok(rows)
}
