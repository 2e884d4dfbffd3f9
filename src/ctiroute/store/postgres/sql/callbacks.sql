-- Promises to ring customers. Statements that write are given the columns of `callback_rows`, and the revision last.

-- name: put_callback
-- A new order, unless the source has ordered it before or the phone has an open one for the same matter.
INSERT INTO callbacks (callback_id, phone, matter, source, external_id, customer_id, place, closed, live, ripe_at, closed_at,
    identifier_kind, identifier_value, body, revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT DO NOTHING RETURNING callback_id

-- name: same_callback
-- The order that stood in the way of a new one: the source's own first.
SELECT body FROM callbacks
WHERE callback_id = $1 OR (source = $2 AND external_id = $3 AND external_id <> '') OR (phone = $4 AND matter = $5 AND NOT closed)
ORDER BY callback_id <> $1, source <> $2 OR external_id <> $3 LIMIT 1

-- name: restore_callback
-- An order as it is.
INSERT INTO callbacks (callback_id, phone, matter, source, external_id, customer_id, place, closed, live, ripe_at, closed_at,
    identifier_kind, identifier_value, body, revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (callback_id) DO UPDATE SET phone = excluded.phone, matter = excluded.matter, source = excluded.source,
    external_id = excluded.external_id, customer_id = excluded.customer_id, place = excluded.place, closed = excluded.closed,
    live = excluded.live, ripe_at = excluded.ripe_at, closed_at = excluded.closed_at, identifier_kind = excluded.identifier_kind,
    identifier_value = excluded.identifier_value, body = excluded.body, revision = excluded.revision

-- name: save_callback
-- The next revision of an order, if the one before is what is kept.
UPDATE callbacks SET phone = $2, matter = $3, source = $4, external_id = $5, customer_id = $6, place = $7, closed = $8, live = $9,
    ripe_at = $10, closed_at = $11, identifier_kind = $12, identifier_value = $13, body = $14, revision = $15
WHERE callback_id = $1 AND revision = $15 - 1
RETURNING callback_id

-- name: ripe_callback
-- The order that has been ripe for longest and that nobody else is about to take: one whose lease is over, or one that is due ($2: and may
-- be given out) at a place ($3: not at these) where somebody is free.
SELECT body FROM callbacks
WHERE ripe_at <= $1 AND (live OR ($2 AND place <> ALL ($3::text[])))
ORDER BY live DESC, ripe_at LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: count_live_callbacks
-- Orders that nodes have in hand, but for those whose lease is over.
SELECT count(*) FROM callbacks WHERE live AND ripe_at > $1

-- name: get_callback
-- One order.
SELECT body FROM callbacks WHERE callback_id = $1

-- name: list_callbacks
-- Orders, the latest first.
SELECT body FROM callbacks
WHERE ($1::text IS NULL OR phone = $1) AND ($2::text IS NULL OR customer_id = $2) AND ($3::boolean IS NULL OR closed = $3)
    AND ($4::text IS NULL OR callback_id < $4)
ORDER BY callback_id DESC LIMIT $5

-- name: next_callback_at
-- When the next order has to be looked at.
SELECT min(ripe_at) FROM callbacks WHERE ripe_at IS NOT NULL

-- name: export_callbacks
-- All orders.
SELECT body FROM callbacks WHERE callback_id >= $1 ORDER BY callback_id LIMIT $2

-- name: count_all_callbacks
-- How many.
SELECT count(*) FROM callbacks

-- name: purge_callbacks
-- Remove some of the orders closed before a time.
WITH gone AS (
    DELETE FROM callbacks WHERE callback_id = ANY (
        ARRAY(SELECT callback_id FROM callbacks WHERE closed_at < extract(epoch FROM $1::timestamptz) * 1000000 LIMIT $2)
    ) RETURNING 1
)
SELECT count(*) FROM gone

-- name: search_callbacks
-- Orders to the subject, open or closed: by customer ($1), or by a phone or an identifier that is the subject's ($2, $3: kinds and values;
-- $4: whether somebody else has it too), and whose they are.
WITH his AS (SELECT * FROM unnest($2::text[], $3::text[], $4::boolean[]) AS given (kind, value, shared))
SELECT o.callback_id,
    CASE
        WHEN o.customer_id = ANY ($1::text[]) THEN 'subject'
        WHEN EXISTS (SELECT FROM customers c WHERE c.customer_id = o.customer_id) THEN 'other'
        WHEN EXISTS (
            SELECT FROM his WHERE NOT his.shared
                AND ((his.kind = 'phone' AND his.value = o.phone) OR (his.kind = o.identifier_kind AND his.value = o.identifier_value))
        ) THEN 'subject'
        ELSE 'shared'
    END
FROM callbacks o
WHERE o.customer_id = ANY ($1::text[])
    OR EXISTS (
        SELECT FROM his
        WHERE (his.kind = 'phone' AND his.value = o.phone) OR (his.kind = o.identifier_kind AND his.value = o.identifier_value)
    )

-- name: erase_callbacks
-- Remove orders: who asked to be forgotten is not rung.
DELETE FROM callbacks WHERE callback_id = ANY ($1::text[])
