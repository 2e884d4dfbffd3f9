-- What has been kept for long enough. Each statement that removes is bounded by a LIMIT, each that counts by an index.

-- name: purge_touches
-- Remove some of the touches sent before a time.
DELETE FROM touches WHERE rowid IN (SELECT rowid FROM touches WHERE sent_at < ?1 LIMIT ?2)

-- name: purge_interactions
-- Remove some of the interactions closed before a time.
DELETE FROM interactions
WHERE interaction_key IN (SELECT interaction_key FROM interactions WHERE closed = 1 AND updated_at < ?1 LIMIT ?2)

-- name: purge_calls
-- Remove some of the calls received before a time.
DELETE FROM calls WHERE rowid IN (SELECT rowid FROM calls WHERE COALESCE(received_at, answered_at, ended_at, 0) < ?1 LIMIT ?2)

-- name: purge_snapshots
-- Forget what was known of some of the callers before a time. That they called stays.
UPDATE calls SET snapshot = NULL
WHERE rowid IN (
    SELECT rowid FROM calls WHERE COALESCE(received_at, answered_at, ended_at, 0) < ?1 AND snapshot IS NOT NULL LIMIT ?2
)

-- name: purge_missed_calls
-- Remove some of the calls missed before a time.
DELETE FROM missed_calls WHERE pop_id IN (SELECT pop_id FROM missed_calls WHERE offered_at < ?1 LIMIT ?2)

-- name: purge_wrap_ups
-- Remove some of the notes made before a time.
DELETE FROM wrap_ups
WHERE (call_id, operator_id) IN (SELECT call_id, operator_id FROM wrap_ups WHERE noted_at < ?1 LIMIT ?2)

-- name: purge_erasures
-- Remove what told running nodes of erasures before a time.
DELETE FROM erasures WHERE erasure_id IN (SELECT erasure_id FROM erasures WHERE erased_at < ?1 LIMIT ?2)

-- name: purge_identifiers
-- Of the first few identifiers that lost a reference, remove those that have none left.
DELETE FROM identifiers
WHERE identifier_id IN (SELECT identifier_id FROM loose_identifiers ORDER BY identifier_id LIMIT ?1)
    AND NOT EXISTS (SELECT 1 FROM touches t WHERE t.identifier_id = identifiers.identifier_id)
    AND NOT EXISTS (SELECT 1 FROM customer_identifiers c WHERE c.identifier_id = identifiers.identifier_id)
    AND NOT EXISTS (SELECT 1 FROM interactions x WHERE x.identifier_id = identifiers.identifier_id)

-- name: drop_loose
-- These first few have been looked at.
DELETE FROM loose_identifiers WHERE identifier_id IN (SELECT identifier_id FROM loose_identifiers ORDER BY identifier_id LIMIT ?1)

-- name: count_touches
-- Touches sent before a time.
SELECT count(*) FROM touches WHERE sent_at < ?1

-- name: count_interactions
-- Interactions closed before a time.
SELECT count(*) FROM interactions WHERE closed = 1 AND updated_at < ?1

-- name: count_calls
-- Calls received before a time.
SELECT count(*) FROM calls WHERE COALESCE(received_at, answered_at, ended_at, 0) < ?1

-- name: count_snapshots
-- Calls before a time, of which it is still kept what was known of the caller, but for those that go as a whole.
SELECT count(*) FROM calls
WHERE COALESCE(received_at, answered_at, ended_at, 0) < ?1 AND COALESCE(received_at, answered_at, ended_at, 0) >= ?2
    AND snapshot IS NOT NULL

-- name: count_missed_calls
-- Calls missed before a time.
SELECT count(*) FROM missed_calls WHERE offered_at < ?1

-- name: count_wrap_ups
-- Notes made before a time.
SELECT count(*) FROM wrap_ups WHERE noted_at < ?1

-- name: count_erasures
-- What tells running nodes of erasures before a time.
SELECT count(*) FROM erasures WHERE erased_at < ?1

-- name: count_identifiers
-- Identifiers that nothing refers to but touches sent before the one time and interactions closed before the other.
SELECT count(*) FROM identifiers i
WHERE NOT EXISTS (SELECT 1 FROM touches t WHERE t.identifier_id = i.identifier_id AND t.sent_at >= ?1)
    AND NOT EXISTS (SELECT 1 FROM customer_identifiers c WHERE c.identifier_id = i.identifier_id)
    AND NOT EXISTS (SELECT 1 FROM interactions x WHERE x.identifier_id = i.identifier_id AND (x.closed = 0 OR x.updated_at >= ?2))
