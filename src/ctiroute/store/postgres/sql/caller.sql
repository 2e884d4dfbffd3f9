-- The call path: what a decision needs about one identifier, in one round trip.

-- name: find_caller
-- Rows of four kinds in one shape, told apart by their first column: customers (c), touches (t), interactions (i), calls (p). Each part
-- is bounded by an index and a LIMIT; a part that follows from customers costs next to nothing where there are none. Two customers who
-- share two identifiers bring the same touches twice: the reader knows. People are who has the identifier, and who is one with one of
-- them (`claims` is '' there: nothing is said of the identifier; they come after all owners, one of whom may be among them). $1: the identifier's key.
WITH owners AS MATERIALIZED (
    SELECT c.customer_id, c.name, c.language, c.attributes, c.keys, c.others, m.claims, c.merged_into, c.merged
    FROM customer_identifiers m
        JOIN customers c ON c.customer_id = m.customer_id
    WHERE m.identifier_key = $1
    LIMIT 64
), people AS MATERIALIZED (
    SELECT * FROM owners
    UNION ALL
    SELECT c.customer_id, c.name, c.language, c.attributes, c.keys, c.others, '', c.merged_into, c.merged
    FROM owners
        CROSS JOIN LATERAL (SELECT * FROM customers WHERE customer_id = COALESCE(owners.merged_into, owners.customer_id) LIMIT 1) f
        CROSS JOIN LATERAL unnest(array_prepend(f.customer_id, f.merged)) AS part (customer_id)
        CROSS JOIN LATERAL (SELECT * FROM customers WHERE customer_id = part.customer_id LIMIT 1) c
    WHERE (owners.merged_into IS NOT NULL OR owners.merged IS NOT NULL) AND c.customer_id <> owners.customer_id
    LIMIT 128
), reached AS MATERIALIZED (
    SELECT $1::bigint AS key
    UNION ALL
    SELECT his.key FROM people, unnest(people.keys) AS his (key) WHERE his.key <> $1
    LIMIT 256
)
SELECT 'c' AS what, NULL::bigint AS key, NULL::timestamptz AS first_at, NULL::timestamptz AS last_at,
    NULL::timestamptz AS read_at, NULL::timestamptz AS clicked_at, NULL::smallint AS medium, NULL::smallint AS status,
    NULL::text AS id, customer_id, name AS a, language AS b, claims AS c, merged_into AS d, NULL::text AS e, NULL::text AS f,
    attributes AS map, others AS list, keys, NULL::text AS g, NULL::text AS h, NULL::text AS j
FROM people
UNION ALL
SELECT 't', reached.key, t.sent_at, t.delivered_at, t.read_at, t.clicked_at, t.medium, t.status, t.touch_id, t.customer_id,
    t.title, t.text, t.terms, c.key, c.title, NULL, t.fields, NULL, NULL, NULL, NULL, NULL
FROM reached
    CROSS JOIN LATERAL (
        SELECT * FROM touches WHERE identifier_key = reached.key AND sent_at >= $2 ORDER BY sent_at DESC LIMIT $5
    ) t
    -- LIMIT: by its primary key for each touch, never all campaigns at once
    CROSS JOIN LATERAL (SELECT * FROM campaigns WHERE campaign_id = t.campaign_id LIMIT 1) c
UNION ALL
SELECT 'i', i.identifier_key, i.opened_at, i.updated_at, NULL, NULL, NULL, NULL, i.interaction_id, i.customer_id, i.title, i.topic,
    i.outcome, i.medium || ' ' || i.status || ' ' || i.revision, i.owner, i.identifier_kind || ' ' || i.identifier_value, i.form, i.events,
    NULL, i.source, i.external_id, i.flags
FROM people
    CROSS JOIN LATERAL (
        SELECT * FROM interactions x
        WHERE x.customer_id = people.customer_id AND (NOT x.closed OR x.updated_at >= $4)
        ORDER BY x.closed, x.updated_at DESC LIMIT $5
    ) i
UNION ALL
SELECT 'i', i.identifier_key, i.opened_at, i.updated_at, NULL, NULL, NULL, NULL, i.interaction_id, i.customer_id, i.title, i.topic,
    i.outcome, i.medium || ' ' || i.status || ' ' || i.revision, i.owner, i.identifier_kind || ' ' || i.identifier_value, i.form, i.events,
    NULL, i.source, i.external_id, i.flags
FROM reached
    CROSS JOIN LATERAL (
        SELECT * FROM interactions x
        WHERE x.identifier_key = reached.key AND x.customer_id IS NULL AND (NOT x.closed OR x.updated_at >= $4)
        ORDER BY x.closed, x.updated_at DESC LIMIT $5
    ) i
UNION ALL
SELECT 'p', NULL, p.received_at, NULL, NULL, NULL, NULL, NULL, p.call_id, p.customer_id, p.outcome, p.rule, p.queue,
    p.operator_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM reached
    CROSS JOIN LATERAL (
        SELECT * FROM calls WHERE caller_key = reached.key AND received_at >= $3 ORDER BY received_at DESC LIMIT $5
    ) p

-- name: find_callers
-- `find_any` for one of many asked at once: $8 is its place among them, and comes before each row.
SELECT $8::integer AS place, found.* FROM (
{find_any}
) found

-- name: find_together
-- `find_caller` for many phones in one round trip, which spares the server most of its work for each. $1: their keys; $2 to $5: the
-- farthest of their windows and the greatest of their limits, the reader cuts. The place of its phone among them comes behind each row.
SELECT found.*, asked.place::integer
FROM unnest($1::bigint[]) WITH ORDINALITY AS asked (key, place)
    CROSS JOIN LATERAL (
{find_caller_of_asked}
) found
