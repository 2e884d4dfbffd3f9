-- Promises to ring customers. Statements that write are given the columns of `callback_rows`, and the revision last.

-- name: put_callback
-- A new order, unless the source has ordered it before or the phone has an open one for the same matter.
INSERT INTO callbacks (callback_id, phone, matter, source, external_id, customer_id, place, closed, live, ripe_at, closed_at,
    identifier_kind, identifier_value, body, revision)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING

-- name: same_callback
-- The order that stood in the way of a new one: the source's own first.
SELECT body FROM callbacks WHERE callback_id = ?1
UNION ALL SELECT body FROM callbacks WHERE source = ?2 AND external_id = ?3 AND external_id <> ''
UNION ALL SELECT body FROM callbacks WHERE phone = ?4 AND matter = ?5 AND closed = 0
LIMIT 1

-- name: restore_callback
-- An order as it is.
INSERT OR REPLACE INTO callbacks (callback_id, phone, matter, source, external_id, customer_id, place, closed, live, ripe_at, closed_at,
    identifier_kind, identifier_value, body, revision)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: save_callback
-- The next revision of an order, if the one before is what is kept.
UPDATE callbacks SET phone = ?2, matter = ?3, source = ?4, external_id = ?5, customer_id = ?6, place = ?7, closed = ?8, live = ?9,
    ripe_at = ?10, closed_at = ?11, identifier_kind = ?12, identifier_value = ?13, body = ?14, revision = ?15
WHERE callback_id = ?1 AND revision = ?15 - 1

-- name: ripe_callback
-- The order that has been ripe for longest: one whose lease is over, or one that is due (?2: and may be given out) where somebody is free.
-- ?3: places where nobody is, as a JSON array.
SELECT body FROM callbacks
WHERE ripe_at <= ?1 AND (live = 1 OR (?2 AND place NOT IN (SELECT value FROM json_each(?3))))
ORDER BY live DESC, ripe_at LIMIT 1

-- name: count_live_callbacks
-- Orders that nodes have in hand, but for those whose lease is over.
SELECT count(*) FROM callbacks WHERE live = 1 AND ripe_at > ?1

-- name: get_callback
-- One order.
SELECT body FROM callbacks WHERE callback_id = ?1

-- name: list_callbacks
-- Orders, the latest first.
SELECT body FROM callbacks
WHERE (?1 IS NULL OR phone = ?1) AND (?2 IS NULL OR customer_id = ?2) AND (?3 IS NULL OR closed = ?3) AND (?4 IS NULL OR callback_id < ?4)
ORDER BY callback_id DESC LIMIT ?5

-- name: next_callback_at
-- When the next order has to be looked at.
SELECT min(ripe_at) FROM callbacks WHERE ripe_at IS NOT NULL

-- name: export_callbacks
-- All orders.
SELECT body FROM callbacks WHERE callback_id >= ?1 ORDER BY callback_id LIMIT ?2

-- name: count_all_callbacks
-- How many.
SELECT count(*) FROM callbacks

-- name: purge_callbacks
-- Remove some of the orders closed before a time.
DELETE FROM callbacks WHERE rowid IN (SELECT rowid FROM callbacks WHERE closed_at < ?1 LIMIT ?2)

-- name: count_callbacks
-- Orders closed before a time.
SELECT count(*) FROM callbacks WHERE closed_at < ?1

-- name: search_callbacks_of_subject
-- Orders to the subject, open or closed: by customer, or by a phone or an identifier that is the subject's, and whose they are.
SELECT o.callback_id,
    CASE
        WHEN o.customer_id IN (SELECT customer_id FROM subject_customers) THEN 'subject'
        WHEN o.customer_id IN (SELECT customer_id FROM customers) THEN 'other'
        WHEN EXISTS (
            SELECT 1 FROM subject_identifiers s
            WHERE NOT s.shared AND ((s.kind = 'phone' AND s.value = o.phone) OR (s.kind = o.identifier_kind AND s.value = o.identifier_value))
        ) THEN 'subject'
        ELSE 'shared'
    END
FROM callbacks o
WHERE o.customer_id IN (SELECT customer_id FROM subject_customers)
    OR o.phone IN (SELECT value FROM subject_identifiers WHERE kind = 'phone')
    OR EXISTS (SELECT 1 FROM subject_identifiers s WHERE s.kind = o.identifier_kind AND s.value = o.identifier_value)

-- name: erase_callbacks
-- Remove an order: who asked to be forgotten is not rung.
DELETE FROM callbacks WHERE callback_id = ?1
