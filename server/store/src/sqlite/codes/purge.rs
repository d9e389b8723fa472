//! Forgetting, in bounded steps.

use proto::Timestamp;
use rusqlite::{Transaction, params};

use crate::error::StoreError;

/// One statement for each kind of remains, each with the time and the limit. A deleted code takes its digests and commitments
/// along; until its forms have lost their text, its end is not counted yet, and it stays.
const STEPS: [&str; 6] = [
    "-- codes::purge, self-reports
        DELETE FROM self_report WHERE phone_digest IN
        (SELECT phone_digest FROM self_report WHERE forget_at <= ?1 LIMIT ?2)",
    "-- codes::purge, sealed
        UPDATE code_digest SET sealed = NULL WHERE digest IN
        (SELECT digest FROM code_digest WHERE sealed IS NOT NULL AND expires_at <= ?1 ORDER BY expires_at, digest LIMIT ?2)",
    "-- codes::purge, repeats
        UPDATE code SET repeat_until = NULL WHERE id IN
        (SELECT id FROM code WHERE repeat_until IS NOT NULL AND repeat_until <= ?1 LIMIT ?2)",
    "-- codes::purge, commitments
        DELETE FROM commitment WHERE code IN
        (SELECT DISTINCT code FROM commitment WHERE delete_at <= ?1 LIMIT ?2)",
    "-- codes::purge, codes
        DELETE FROM code WHERE id IN (SELECT id FROM code WHERE forget_at <= ?1
            AND NOT EXISTS (SELECT 1 FROM code_digest WHERE code_digest.code = code.id AND sealed IS NOT NULL) LIMIT ?2)",
    "-- codes::purge, tallies
        DELETE FROM message_tally WHERE digest IN (SELECT digest FROM message_tally WHERE ends_at <= ?1 LIMIT ?2)",
];

/// Counts the unclaimed codes whose last form is among those that the first step will take, on the day on which it expired; an hour after that day
/// is over, on today: a day that is shown does not change any more.
const EXPIRED: &str = "-- codes::purge, expired
    INSERT INTO counter (authority, day, kind, count)
    SELECT code.authority,
           CASE WHEN (old.expires_at / 86400 + 1) * 86400 + 3600 > ?1 THEN old.expires_at / 86400 ELSE ?1 / 86400 END,
           'expired', count(*)
    FROM (SELECT code, form, expires_at FROM code_digest WHERE sealed IS NOT NULL AND expires_at <= ?1
          ORDER BY expires_at, digest LIMIT ?2) AS old
    JOIN code ON code.id = old.code
    WHERE code.token_digest IS NULL AND code.report_type <> 'user-report'
      AND NOT EXISTS (SELECT 1 FROM code_digest AS other WHERE other.code = old.code
                      AND (other.expires_at, other.form) > (old.expires_at, old.form))
    GROUP BY 1, 2
    ON CONFLICT (authority, day, kind) DO UPDATE SET count = count + excluded.count";

/// Runs each step once; answers how many rows they touched.
pub(super) fn run(transaction: &Transaction<'_>, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    transaction.prepare_cached(EXPIRED)?.execute(params![now.unix(), limit])?;
    let mut rows = 0;
    for step in STEPS {
        rows += transaction.prepare_cached(step)?.execute(params![now.unix(), limit])? as u64;
    }
    Ok(rows)
}
