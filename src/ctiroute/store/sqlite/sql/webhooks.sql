-- The outbox of what other systems are told. A delivery that is lent is due again when the loan ends: whoever gives it back names that time.

-- name: put_delivery
-- One announcement for one webhook; known ones stay.
INSERT INTO webhook_deliveries (webhook, event_id, kind, key, at, body, about, state, attempts, due_at, ended_at, status, error)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (webhook, event_id) DO NOTHING

-- name: lend_deliveries
-- Lend what is due until ?3: of each key nothing but the oldest that waits.
UPDATE webhook_deliveries SET due_at = ?3
WHERE delivery_id IN (
    SELECT d.delivery_id FROM webhook_deliveries d
    WHERE d.webhook = ?1 AND d.state = 'waiting' AND d.due_at <= ?2 AND NOT EXISTS (
        SELECT 1 FROM webhook_deliveries e
        WHERE e.webhook = d.webhook AND e.key = d.key AND e.state = 'waiting' AND e.delivery_id < d.delivery_id
    )
    ORDER BY d.due_at, d.delivery_id LIMIT ?4
)
RETURNING delivery_id, webhook, event_id, kind, key, at, body, about, state, attempts, due_at, ended_at, status, error

-- name: end_delivery
-- What became of one that was lent until ?2.
UPDATE webhook_deliveries SET state = ?3, attempts = ?4, due_at = ?5, ended_at = ?6, status = ?7, error = ?8
WHERE delivery_id = ?1 AND state = 'waiting' AND due_at = ?2

-- name: put_off_key
-- What waits behind a delivery of its key is not looked at before it.
UPDATE webhook_deliveries SET due_at = ?3 WHERE webhook = ?1 AND key = ?2 AND state = 'waiting' AND due_at < ?3

-- name: release_key
-- What waited behind it may be looked at.
UPDATE webhook_deliveries SET due_at = ?3 WHERE webhook = ?1 AND key = ?2 AND state = 'waiting' AND due_at > ?3

-- name: next_delivery_at
-- When one is due.
SELECT min(due_at) FROM webhook_deliveries WHERE webhook = ?1 AND state = 'waiting'

-- name: get_deliveries
-- Deliveries, the latest first.
SELECT delivery_id, webhook, event_id, kind, key, at, body, about, state, attempts, due_at, ended_at, status, error
FROM webhook_deliveries
WHERE (?1 IS NULL OR webhook = ?1) AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR delivery_id < ?3)
ORDER BY delivery_id DESC LIMIT ?4

-- name: replay_dead
-- Try anew what was given up.
UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, due_at = ?2, ended_at = NULL
WHERE state = 'dead' AND (?1 IS NULL OR webhook = ?1)

-- name: replay_one
-- Try one anew.
UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, due_at = ?2, ended_at = NULL WHERE delivery_id = ?1 AND state <> 'waiting'

-- name: backlogs
-- How many wait, and how many were given up.
SELECT webhook, state, count(*), min(at) FROM webhook_deliveries WHERE state <> 'delivered' GROUP BY webhook, state ORDER BY webhook, state

-- name: search_deliveries
-- What each tells of, to see whether it names a person.
SELECT delivery_id, about, body FROM webhook_deliveries

-- name: erase_deliveries
-- Remove one, told or not.
DELETE FROM webhook_deliveries WHERE delivery_id = ?1

-- name: purge_deliveries
-- Remove some of what was told, or given up, before a time.
DELETE FROM webhook_deliveries
WHERE delivery_id IN (SELECT delivery_id FROM webhook_deliveries WHERE ended_at < ?1 LIMIT ?2)

-- name: count_deliveries
-- What was told, or given up, before a time.
SELECT count(*) FROM webhook_deliveries WHERE ended_at < ?1

-- name: export_deliveries
-- Deliveries in their order.
SELECT delivery_id, webhook, event_id, kind, key, at, body, about, state, attempts, due_at, ended_at, status, error
FROM webhook_deliveries WHERE delivery_id >= ?1 ORDER BY delivery_id LIMIT ?2

-- name: count_all_deliveries
-- How many.
SELECT count(*) FROM webhook_deliveries
