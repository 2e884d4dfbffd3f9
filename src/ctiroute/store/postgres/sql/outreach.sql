-- Writing what calls are looked up in: identifiers, customers, campaigns, touches, interactions.

-- name: lock
-- Wait for the end of the transaction that holds this lock; it is let go when ours ends. $1: which one, see `writing.py`.
SELECT pg_advisory_xact_lock($1)

-- name: lock_touches
-- As `lock`; returns the number of this write, see `line.py`.
SELECT nextval('touch_writes') FROM (SELECT pg_advisory_xact_lock($1) OFFSET 0) AS locked

-- name: lock_touches_and_commit_early
-- The same; and our transaction commits before the disk has it. Who wrote it is told when `make_durable`, run after it, is committed.
SELECT nextval('touch_writes') FROM (SELECT pg_advisory_xact_lock($1), set_config('synchronous_commit', 'off', true) OFFSET 0) AS locked

-- name: make_durable
-- Write something, so that the commit waits for the disk (and for standbys that are waited for), and with it for all that was committed before.
SELECT pg_logical_emit_message(true, 'ctiroute', '')

-- name: add_identifiers
-- Make identifiers known that are not their own key; they keep their keys for good. In order, so that two writers cannot wait for each other.
INSERT INTO identifiers (kind, value)
SELECT kind, value FROM unnest($1::text[], $2::text[]) AS given (kind, value) ORDER BY kind, value
ON CONFLICT (kind, value) DO NOTHING

-- name: get_identifiers
-- The keys of identifiers.
SELECT i.kind, i.value, i.identifier_key
FROM unnest($1::text[], $2::text[]) AS given (kind, value) JOIN identifiers i ON i.kind = given.kind AND i.value = given.value

-- name: put_customers
-- Customers, replaced when known; one row for each, true when it is new.
INSERT INTO customers (customer_id, name, language, attributes, keys, others)
SELECT customer_id, name, language, attributes::json, keys::bigint[], others::json
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    AS given (customer_id, name, language, attributes, keys, others)
ON CONFLICT (customer_id) DO UPDATE SET
    name = excluded.name, language = excluded.language, attributes = excluded.attributes, keys = excluded.keys, others = excluded.others
RETURNING xmax = 0

-- name: drop_customer_identifiers
-- Forget which identifiers customers have, and return them.
DELETE FROM customer_identifiers m USING customers c
WHERE c.customer_id = ANY ($1::text[]) AND m.customer_id = c.customer_id AND m.identifier_key = ANY (c.keys)
RETURNING m.identifier_key

-- name: add_customer_identifiers
-- Keep which identifiers customers have, from what `put_customers` wrote.
INSERT INTO customer_identifiers (identifier_key, customer_id)
SELECT his.key, c.customer_id FROM customers c, unnest(c.keys) AS his (key) WHERE c.customer_id = ANY ($1::text[])
ON CONFLICT DO NOTHING
RETURNING identifier_key

-- name: put_campaigns
-- Campaigns, replaced when known.
INSERT INTO campaigns (key, title, medium)
SELECT key, title, medium FROM unnest($1::text[], $2::text[], $3::text[]) AS given (key, title, medium) ORDER BY key
ON CONFLICT (key) DO UPDATE SET title = excluded.title, medium = excluded.medium

-- name: add_campaigns
-- Campaigns that are known only from their touches.
INSERT INTO campaigns (key, title, medium)
SELECT key, title, medium FROM unnest($1::text[], $2::text[], $3::text[]) AS given (key, title, medium) ORDER BY key
ON CONFLICT (key) DO NOTHING

-- name: get_campaigns
-- The numbers of campaigns.
SELECT key, campaign_id FROM campaigns WHERE key = ANY ($1::text[])

-- name: has_touches
-- Whether any of these is there; the parameters are those of `drop_touches`.
SELECT EXISTS (SELECT FROM touches WHERE touch_id = ANY (COALESCE(NULLIF(string_to_array($1, $2), '{}'), '{""}')))

-- name: drop_touches
-- Remove touches by id, wherever they are, before they are written anew; returns what was there. $1: the ids as one text, which goes over in
-- a tenth of the time of an array; $2: what stands between them.
DELETE FROM touches WHERE touch_id = ANY (COALESCE(NULLIF(string_to_array($1, $2), '{}'), '{""}'))
RETURNING touch_id, identifier_key, status, delivered_at, read_at, clicked_at

-- name: add_receipts
-- How far touches got, told once for each. Of two times for the same the earlier stays. Returns those that are known.
UPDATE touches t SET
    status = GREATEST(t.status, told.status),
    delivered_at = LEAST(t.delivered_at, told.delivered_at),
    read_at = LEAST(t.read_at, told.read_at),
    clicked_at = LEAST(t.clicked_at, told.clicked_at)
FROM unnest($1::text[], $2::smallint[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
    AS told (touch_id, status, delivered_at, read_at, clicked_at)
WHERE t.touch_id = told.touch_id
RETURNING t.touch_id, t.identifier_key

-- name: make_partition
-- Make the partition of the month of a time; true when there was none.
SELECT make_touches_partition($1::timestamptz)

-- name: get_partitions
-- The partitions of touches that can be named (whoever moved one out of the search path keeps it), by name.
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'touches'::regclass AND pg_table_is_visible(c.oid)
ORDER BY c.relname

-- name: put_interaction
-- An interaction with its events, replaced when known. Its revision never goes back: who edits an older one is told.
INSERT INTO interactions (interaction_id, customer_id, identifier_key, identifier_kind, identifier_value, closed, opened_at, updated_at,
    medium, status, topic, title, owner, outcome, form, events, source, external_id, revision, flags, clocks)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
ON CONFLICT (interaction_id) DO UPDATE SET
    customer_id = excluded.customer_id, identifier_key = excluded.identifier_key, identifier_kind = excluded.identifier_kind,
    identifier_value = excluded.identifier_value, closed = excluded.closed, opened_at = excluded.opened_at,
    updated_at = excluded.updated_at, medium = excluded.medium, status = excluded.status, topic = excluded.topic,
    title = excluded.title, owner = excluded.owner, outcome = excluded.outcome, form = excluded.form, events = excluded.events,
    source = excluded.source, external_id = excluded.external_id, flags = excluded.flags, clocks = excluded.clocks,
    revision = GREATEST(excluded.revision, interactions.revision)

-- name: keys_of_interactions
-- Everybody who is answered otherwise when these interactions change: who wrote them, and all identifiers of their customers. LIMIT: by
-- its primary key for each, as in `keys_of_calls`.
WITH changed AS MATERIALIZED (
    SELECT x.identifier_key, x.customer_id
    FROM unnest($1::text[]) AS told (interaction_id)
        CROSS JOIN LATERAL (SELECT * FROM interactions WHERE interactions.interaction_id = told.interaction_id LIMIT 1) x
)
SELECT identifier_key FROM changed WHERE identifier_key IS NOT NULL
UNION
SELECT unnest(c.keys)
FROM changed CROSS JOIN LATERAL (SELECT keys FROM customers WHERE customers.customer_id = changed.customer_id LIMIT 1) c
