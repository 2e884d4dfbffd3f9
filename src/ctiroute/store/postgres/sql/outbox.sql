-- The outbox: whose answers may have changed. While nobody was seen to follow it for an hour, nothing is written: who comes after that has
-- to read everything over anyway.

-- name: is_followed
-- Whether somebody follows.
SELECT EXISTS (SELECT FROM outbox_reader WHERE seen_at > now() - interval '1 hour')

-- name: mark
-- Note that something changed for these identifiers.
INSERT INTO outbox (keys) SELECT $1::bigint[] WHERE EXISTS (SELECT FROM outbox_reader WHERE seen_at > now() - interval '1 hour')

-- name: follow
-- Say that somebody follows; returns whether somebody has done so all the time.
WITH before AS (SELECT seen_at FROM outbox_reader), now_seen AS (
    INSERT INTO outbox_reader (only_row, seen_at) VALUES (1, now()) ON CONFLICT (only_row) DO UPDATE SET seen_at = excluded.seen_at
)
SELECT COALESCE((SELECT seen_at > now() - interval '50 minutes' FROM before), false)

-- name: next_number
-- The number of this transaction: all that go on and have written something have a smaller one.
SELECT pg_current_xact_id()::text::bigint

-- name: oldest_running
-- The number of the oldest transaction that has not ended.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint

-- name: purge_outbox
-- Forget what nobody followed.
DELETE FROM outbox WHERE NOT EXISTS (SELECT FROM outbox_reader WHERE seen_at > now() - interval '1 hour')

-- name: take_marks
-- The oldest marks that nobody else has taken.
SELECT outbox_id, keys FROM outbox ORDER BY outbox_id LIMIT $1 FOR UPDATE SKIP LOCKED

-- name: widen
-- For each key, in order, the keys whose answers hold what is known of it: its own, all of the customers who have it, and all of those
-- who are one with them.
SELECT given.key, his.key
FROM unnest($1::bigint[]) WITH ORDINALITY AS given (key, place)
    CROSS JOIN LATERAL (
        SELECT given.key
        UNION
        SELECT unnest(c.keys) FROM customer_identifiers m JOIN customers c ON c.customer_id = m.customer_id WHERE m.identifier_key = given.key
        UNION
        SELECT unnest(p.keys)
        FROM customer_identifiers m
            JOIN customers c ON c.customer_id = m.customer_id AND (c.merged_into IS NOT NULL OR c.merged IS NOT NULL)
            JOIN customers f ON f.customer_id = COALESCE(c.merged_into, c.customer_id)
            CROSS JOIN LATERAL (SELECT f.customer_id UNION ALL SELECT unnest(f.merged)) part
            JOIN customers p ON p.customer_id = part.customer_id
        WHERE m.identifier_key = given.key
    ) his
ORDER BY given.place

-- name: drop_marks
-- These marks are done.
DELETE FROM outbox WHERE outbox_id = ANY ($1::bigint[])

-- name: keep_marks
-- Of this row only some marks are done; these are left.
UPDATE outbox SET keys = $2::bigint[] WHERE outbox_id = $1

-- name: oldest_mark
-- The age of the oldest mark in seconds.
SELECT extract(epoch FROM clock_timestamp() - marked_at)::float8 FROM outbox ORDER BY outbox_id LIMIT 1

-- name: names_of_keys
-- What keys below zero stand for.
SELECT identifier_key, kind, value FROM identifiers WHERE identifier_key = ANY ($1::bigint[])

-- name: known_keys
-- The next keys of which a look-up with these windows finds anything. Each part is in the order of its index and ends at the LIMIT.
SELECT key FROM (
    (SELECT DISTINCT identifier_key AS key FROM touches WHERE identifier_key > $1 AND sent_at >= $2 ORDER BY 1 LIMIT $5)
    UNION
    (SELECT DISTINCT identifier_key FROM customer_identifiers WHERE identifier_key > $1 ORDER BY 1 LIMIT $5)
    UNION
    (SELECT DISTINCT caller_key FROM calls WHERE caller_key > $1 AND received_at >= $3 ORDER BY 1 LIMIT $5)
    UNION
    (SELECT DISTINCT identifier_key FROM interactions
        WHERE identifier_key > $1 AND customer_id IS NULL AND (NOT closed OR updated_at >= $4) ORDER BY 1 LIMIT $5)
) known
ORDER BY key LIMIT $5

-- name: now
-- The server's clock.
SELECT clock_timestamp()
