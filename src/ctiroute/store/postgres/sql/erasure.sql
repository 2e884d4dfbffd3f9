-- Forgetting a person. What is theirs is looked for first, and then removed by its key, a little at a time. $1: the subject's customers,
-- $2: the keys of its identifiers, $3: those among them that somebody else has too.

-- name: owners_of_keys
-- Who has these identifiers: of one who is part of another, that other.
SELECT m.identifier_key, COALESCE(c.merged_into, m.customer_id)
FROM customer_identifiers m LEFT JOIN customers c ON c.customer_id = m.customer_id
WHERE m.identifier_key = ANY ($1::bigint[])

-- name: keys_of_customers
-- The identifiers of these customers, in their order.
SELECT c.customer_id, his.key FROM customers c, unnest(c.keys) WITH ORDINALITY AS his (key, place)
WHERE c.customer_id = ANY ($1::text[])
ORDER BY array_position($1::text[], c.customer_id), his.place

-- name: search_touches_of_keys
-- Touches to the subject's identifiers, and whose they are: what names another customer we know is that one's.
SELECT t.touch_id,
    CASE
        WHEN t.customer_id = ANY ($1::text[]) THEN 'subject'
        WHEN EXISTS (SELECT FROM customers c WHERE c.customer_id = t.customer_id) THEN 'other'
        WHEN t.identifier_key = ANY ($3::bigint[]) THEN 'shared'
        ELSE 'subject'
    END
FROM touches t WHERE t.identifier_key = ANY ($2::bigint[])

-- name: search_touches_of_customers
-- Touches that name the subject, whatever they were sent to (an earlier number, say). No index: a scan, off everybody's way.
SELECT touch_id, 'subject' FROM touches WHERE customer_id = ANY ($1::text[])

-- name: search_interactions_of_keys
-- Interactions of the subject's identifiers, and whose they are. No index where they name a customer: a scan.
SELECT x.interaction_id,
    CASE
        WHEN x.customer_id = ANY ($1::text[]) THEN 'subject'
        WHEN EXISTS (SELECT FROM customers c WHERE c.customer_id = x.customer_id) THEN 'other'
        WHEN x.identifier_key = ANY ($3::bigint[]) THEN 'shared'
        ELSE 'subject'
    END
FROM interactions x WHERE x.identifier_key = ANY ($2::bigint[])

-- name: search_interactions_of_customers
-- Interactions that name the subject.
SELECT interaction_id, 'subject' FROM interactions WHERE customer_id = ANY ($1::text[])

-- name: search_calls
-- Calls of the subject, or to them ($4: the numbers that are theirs alone), or of somebody near ($5, $6: customers who share an
-- identifier, and all their keys): whose they are, whether what was known of the caller is kept, whether the number dialled is the
-- subject's. Since $7, the latest first. A scan of these.
SELECT c.call_id,
    CASE
        WHEN c.customer_id = ANY ($1::text[]) THEN 'subject'
        WHEN c.dialed = ANY ($4::text[]) THEN 'subject'
        WHEN c.caller_key IS NULL OR c.caller_key <> ALL ($2::bigint[]) THEN 'near'
        WHEN EXISTS (SELECT FROM customers o WHERE o.customer_id = c.customer_id) THEN 'other'
        WHEN c.caller_key = ANY ($3::bigint[]) THEN 'shared'
        ELSE 'subject'
    END,
    c.snapshot IS NOT NULL,
    COALESCE(c.dialed = ANY ($4::text[]), false)
FROM calls c
WHERE COALESCE(c.received_at, c.answered_at, c.ended_at, 'epoch') >= $7 AND (
    c.caller_key = ANY ($2::bigint[]) OR c.customer_id = ANY ($1::text[]) OR c.dialed = ANY ($4::text[])
    OR c.customer_id = ANY ($5::text[]) OR c.caller_key = ANY ($6::bigint[])
)
ORDER BY COALESCE(c.received_at, c.answered_at, c.ended_at, 'epoch') DESC

-- name: search_named_calls
-- Of calls that are known to be the subject's, those that still tell anything of the caller.
SELECT call_id FROM calls
WHERE call_id = ANY ($1::text[]) AND (
    caller_key IS NOT NULL OR snapshot IS NOT NULL OR COALESCE(caller_raw, customer_id, touch_id, interaction_id) IS NOT NULL
)

-- name: search_raw_callers
-- Calls since a time without a number that could be a key, and what came in its place.
SELECT call_id, caller_raw FROM calls
WHERE COALESCE(received_at, answered_at, ended_at, 'epoch') >= $1 AND caller_key IS NULL AND caller_raw IS NOT NULL

-- name: search_missed
-- Missed calls that still say who called.
SELECT pop_id, call_id, caller_number FROM missed_calls WHERE caller_number <> '' OR caller_name <> '' OR headline <> ''

-- name: search_notes
-- Notes on these calls that still say something.
SELECT call_id, operator_id FROM wrap_ups WHERE call_id = ANY ($1::text[]) AND note <> ''

-- name: search_customers
-- Those of the subject's customers that we keep.
SELECT customer_id FROM customers WHERE customer_id = ANY ($1::text[])

-- name: erase_touches
-- Remove touches, and return to whom they were.
DELETE FROM touches WHERE touch_id = ANY ($1::text[]) RETURNING identifier_key

-- name: erase_interactions
-- Remove interactions.
DELETE FROM interactions WHERE interaction_id = ANY ($1::text[])

-- name: erase_calls
-- Make calls anonymous: when they came, where they went and how they ended stay. A number dialled stays but for those in $2.
UPDATE calls SET caller_key = NULL, caller_raw = NULL, customer_id = NULL, touch_id = NULL, interaction_id = NULL, snapshot = NULL,
    dialed = CASE WHEN call_id = ANY ($2::text[]) THEN NULL ELSE dialed END
WHERE call_id = ANY ($1::text[])

-- name: erase_snapshots
-- Forget what was known of the callers of somebody else's calls.
UPDATE calls SET snapshot = NULL WHERE call_id = ANY ($1::text[])

-- name: erase_missed_calls
-- Make missed calls anonymous.
UPDATE missed_calls SET caller_number = '', caller_name = '', headline = '' WHERE pop_id = ANY ($1::text[])

-- name: erase_wrap_ups
-- Empty notes. Their codes stay: they count matters, not people.
UPDATE wrap_ups SET note = '' FROM unnest($1::text[], $2::text[]) AS given (call_id, operator_id)
WHERE wrap_ups.call_id = given.call_id AND wrap_ups.operator_id = given.operator_id

-- name: search_identity_changes
-- The audit of who is who: few lines, for each is a person's.
SELECT change_id, customer_id, other_id, identifiers, plan FROM identity_changes

-- name: erase_identity_changes
-- Remove lines of it.
DELETE FROM identity_changes WHERE change_id = ANY ($1::bigint[])

-- name: erase_denied_links
-- Forget of whom identifiers were denied to be, and what was denied of these customers.
DELETE FROM denied_links
WHERE customer_id = ANY ($1::text[]) OR (kind, value) IN (SELECT kind, value FROM unnest($2::text[], $3::text[]) AS given (kind, value))

-- name: erase_customers
-- Remove customers.
DELETE FROM customers WHERE customer_id = ANY ($1::text[])

-- name: erase_customer_identifiers
-- Remove what identifiers they had.
DELETE FROM customer_identifiers WHERE identifier_key = ANY ($2::bigint[]) AND customer_id = ANY ($1::text[])

-- name: add_erasure
-- Tell running nodes.
INSERT INTO erasures (erased_at, marker) VALUES ($1, $2)

-- name: erasures_after
-- What was erased since a node looked last.
SELECT erasure_id, marker FROM erasures WHERE erasure_id > $1 ORDER BY erasure_id LIMIT 100
