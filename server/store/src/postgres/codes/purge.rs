//! Forgetting, in bounded steps.

use proto::Timestamp;

use crate::error::StoreError;
use crate::postgres::column;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::{Mode, Transaction};

/// One statement for each kind of remains, each with the time and the limit; it answers how many it removed. A deleted code takes its digests
/// along. Rows that somebody is changing are left for the next time: nobody with a code in hand waits for this.
///
/// The second counts the unclaimed codes whose last form it finds, on the day on which that expired; an hour after that day is over, on today: a day
/// that is shown does not change any more. Until then a code stays.
const STEPS: [&str; 6] = [
    "-- codes::purge, self-reports
        WITH done AS (
            DELETE FROM self_report WHERE phone_digest IN
            (SELECT phone_digest FROM self_report WHERE forget_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
            RETURNING 1)
        SELECT count(*) FROM done",
    "-- codes::purge, sealed
        WITH old AS (
            SELECT digest, code, form, expires_at FROM code_digest
            WHERE sealed IS NOT NULL AND expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED
        ), done AS (
            UPDATE code_digest SET sealed = NULL FROM old WHERE code_digest.digest = old.digest
            RETURNING old.code, old.form, old.expires_at
        ), counted AS (
            INSERT INTO counter (authority, day, kind, stripe, count)
            SELECT code.authority,
                   (CASE WHEN (done.expires_at / 86400 + 1) * 86400 + 3600 > $1 THEN done.expires_at / 86400
                    ELSE $1 / 86400 END)::integer,
                   'expired', get_byte(code.id, 0) % 8, count(*)
            FROM done JOIN code ON code.id = done.code
            WHERE code.token_digest IS NULL AND code.report_type <> 'user-report'
              AND NOT EXISTS (SELECT 1 FROM code_digest AS other WHERE other.code = done.code
                              AND (other.expires_at, other.form) > (done.expires_at, done.form))
            GROUP BY 1, 2, 4 ORDER BY 1, 2, 4
            ON CONFLICT (authority, day, kind, stripe) DO UPDATE SET count = counter.count + excluded.count
        )
        SELECT count(*) FROM done",
    "-- codes::purge, repeats
        WITH done AS (
            UPDATE code SET repeat_until = NULL WHERE id IN
            (SELECT id FROM code WHERE repeat_until IS NOT NULL AND repeat_until <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
            RETURNING 1)
        SELECT count(*) FROM done",
    "-- codes::purge, commitments
        WITH old AS (
            SELECT id, cardinality(commitments) AS commitments FROM code
            WHERE commitments <> '{}' AND token_expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED
        ), done AS (
            UPDATE code SET commitments = '{}' FROM old WHERE code.id = old.id RETURNING old.commitments)
        SELECT coalesce(sum(commitments), 0)::bigint FROM done",
    "-- codes::purge, codes
        WITH done AS (
            DELETE FROM code WHERE id IN
            (SELECT id FROM code WHERE forget_at <= $1
                AND NOT EXISTS (SELECT 1 FROM code_digest WHERE code_digest.code = code.id AND sealed IS NOT NULL)
             LIMIT $2 FOR UPDATE SKIP LOCKED)
            RETURNING 1)
        SELECT count(*) FROM done",
    "-- codes::purge, tallies
        WITH done AS (
            DELETE FROM message_tally WHERE digest IN
            (SELECT digest FROM message_tally WHERE ends_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
            RETURNING 1)
        SELECT count(*) FROM done",
];

/// Runs each step once; answers how much they removed.
pub(super) async fn run(pool: &Pool, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let given = (now.unix(), i64::from(limit));
    pool.transact("codes::purge", Mode::Write, &given, |transaction, given| Box::pin(steps(transaction, given))).await
}

async fn steps(transaction: &Transaction<'_>, (now, limit): &(i64, i64)) -> Result<u64, StoreError> {
    let mut removed = 0;
    for step in STEPS {
        removed += column::number::<u64>(&transaction.row(step, &[now, limit]).await?, 0)?;
    }
    Ok(removed)
}
