-- What has been kept for long enough. Whole months of touches are dropped; the rest is removed a little at a time.

-- name: try_lock
-- Take a lock for this transaction; false: somebody else has it. $1: which one.
SELECT pg_try_advisory_xact_lock($1)

-- name: allow_scans
-- For this transaction: plans that are no good for a look-up are, for a purge or a search. Waiting for a lock would have others wait.
SELECT set_config('enable_bitmapscan', 'on', true), set_config('enable_seqscan', $1, true), set_config('lock_timeout', $2, true),
    set_config('statement_timeout', $3, true)

-- name: drop_partition
-- Drop the month of a time; returns about how many touches were in it.
SELECT drop_touches_partition($1)

-- name: purge_touches
-- Remove some of the touches sent before a time.
WITH old AS (SELECT touch_id, sent_at FROM touches WHERE sent_at < $1 LIMIT $2), gone AS (
    DELETE FROM touches t USING old WHERE t.touch_id = old.touch_id AND t.sent_at = old.sent_at RETURNING 1
)
SELECT count(*) FROM gone

-- name: purge_interactions
-- Remove some of the interactions closed before a time.
WITH gone AS (
    DELETE FROM interactions WHERE interaction_id = ANY (
        ARRAY(SELECT interaction_id FROM interactions WHERE closed AND updated_at < $1 LIMIT $2)
    ) RETURNING 1
)
SELECT count(*) FROM gone

-- name: purge_calls
-- Remove some of the calls received before a time.
WITH gone AS (
    DELETE FROM calls WHERE call_id = ANY (
        ARRAY(SELECT call_id FROM calls WHERE COALESCE(received_at, answered_at, ended_at, 'epoch') < $1 LIMIT $2)
    ) RETURNING 1
)
SELECT count(*) FROM gone

-- name: purge_snapshots
-- Forget what was known of some of the callers before a time. That they called stays.
WITH gone AS (
    UPDATE calls SET snapshot = NULL WHERE call_id = ANY (
        ARRAY(
            SELECT call_id FROM calls
            WHERE COALESCE(received_at, answered_at, ended_at, 'epoch') < $1 AND snapshot IS NOT NULL LIMIT $2
        )
    ) RETURNING 1
)
SELECT count(*) FROM gone

-- name: purge_missed_calls
-- Remove some of the calls missed before a time.
WITH gone AS (
    DELETE FROM missed_calls WHERE pop_id = ANY (ARRAY(SELECT pop_id FROM missed_calls WHERE offered_at < $1 LIMIT $2)) RETURNING 1
)
SELECT count(*) FROM gone

-- name: purge_wrap_ups
-- Remove some of the notes made before a time.
WITH old AS (SELECT call_id, operator_id FROM wrap_ups WHERE noted_at < $1 LIMIT $2), gone AS (
    DELETE FROM wrap_ups w USING old WHERE w.call_id = old.call_id AND w.operator_id = old.operator_id RETURNING 1
)
SELECT count(*) FROM gone

-- name: purge_erasures
-- Remove what told running nodes of erasures before a time.
WITH gone AS (
    DELETE FROM erasures WHERE erasure_id = ANY (ARRAY(SELECT erasure_id FROM erasures WHERE erased_at < $1 LIMIT $2)) RETURNING 1
)
SELECT count(*) FROM gone

-- name: lock_identifiers
-- Wait for everybody who is about to refer to an identifier by its number, and have others wait. Readers are not concerned.
LOCK TABLE identifiers IN SHARE ROW EXCLUSIVE MODE

-- name: take_loose
-- Some of the identifiers that lost a reference.
DELETE FROM loose_identifiers WHERE ctid = ANY (ARRAY(SELECT ctid FROM loose_identifiers LIMIT $1)) RETURNING identifier_key

-- name: purge_identifiers
-- Of these identifiers, remove those that nothing refers to any more.
WITH gone AS (
    DELETE FROM identifiers i
    WHERE i.identifier_key = ANY ($1::bigint[])
        AND NOT EXISTS (SELECT FROM touches t WHERE t.identifier_key = i.identifier_key)
        AND NOT EXISTS (SELECT FROM customer_identifiers c WHERE c.identifier_key = i.identifier_key)
        AND NOT EXISTS (SELECT FROM interactions x WHERE x.identifier_key = i.identifier_key)
        AND NOT EXISTS (SELECT FROM calls k WHERE k.caller_key = i.identifier_key)
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: count_expired
-- What is before its time, kind by kind, in the order of `model.privacy.KEPT_KINDS`, and identifiers that nothing else refers to.
SELECT
    (SELECT count(*) FROM touches WHERE sent_at < $1),
    (SELECT count(*) FROM interactions WHERE closed AND updated_at < $2),
    (SELECT count(*) FROM calls WHERE COALESCE(received_at, answered_at, ended_at, 'epoch') < $3),
    (SELECT count(*) FROM calls
        WHERE COALESCE(received_at, answered_at, ended_at, 'epoch') < $4
            AND COALESCE(received_at, answered_at, ended_at, 'epoch') >= $3 AND snapshot IS NOT NULL),
    (SELECT count(*) FROM missed_calls WHERE offered_at < $5),
    (SELECT count(*) FROM wrap_ups WHERE noted_at < $6),
    (SELECT count(*) FROM callbacks WHERE closed_at < extract(epoch FROM $7::timestamptz) * 1000000),
    (SELECT count(*) FROM confirmed_reasons WHERE noted_at < $8),
    (SELECT count(*) FROM proposal_fates WHERE at < $9),
    (SELECT count(*) FROM attributions WHERE received_at < extract(epoch FROM $10::timestamptz) * 1000000),
    (SELECT count(*) FROM webhook_deliveries WHERE ended_at < extract(epoch FROM $11::timestamptz) * 1000000),
    (SELECT count(*) FROM erasures WHERE erased_at < $12),
    (SELECT count(*) FROM identifiers i
        WHERE NOT EXISTS (SELECT FROM touches t WHERE t.identifier_key = i.identifier_key AND t.sent_at >= $1)
            AND NOT EXISTS (SELECT FROM customer_identifiers c WHERE c.identifier_key = i.identifier_key)
            AND NOT EXISTS (SELECT FROM interactions x WHERE x.identifier_key = i.identifier_key AND (NOT x.closed OR x.updated_at >= $2))
            AND NOT EXISTS (SELECT FROM calls k
                WHERE k.caller_key = i.identifier_key AND COALESCE(k.received_at, k.answered_at, k.ended_at, 'epoch') >= $3))
