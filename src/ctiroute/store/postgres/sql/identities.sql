-- Who is who. Held: what there is of some customers, before it is planned what to change.

-- name: held_customers
-- These customers, and all who are one with any of them.
WITH named AS (
    SELECT DISTINCT COALESCE(merged_into, customer_id) AS first FROM customers WHERE customer_id = ANY ($1::text[])
)
SELECT customer_id, merged_into, merged, keys, others FROM customers WHERE customer_id IN (SELECT first FROM named)
UNION ALL
SELECT customer_id, merged_into, merged, keys, others FROM customers WHERE merged_into IN (SELECT first FROM named)

-- name: held_claims
-- What is said for the links of these customers, where it is more than that the company's file has them.
SELECT c.customer_id, m.identifier_key, m.claims
FROM customers c CROSS JOIN LATERAL unnest(c.keys) AS his (key)
    JOIN customer_identifiers m ON m.identifier_key = his.key AND m.customer_id = c.customer_id
WHERE c.customer_id = ANY ($1::text[]) AND m.claims IS NOT NULL

-- name: held_denials
-- What operators denied of these customers.
SELECT customer_id, kind, value, denied_at, denied_by FROM denied_links WHERE customer_id = ANY ($1::text[]) ORDER BY kind, value

-- name: customers_with_claims
-- Of these customers those of whose links more is known than that the company's file has them, or that were denied.
SELECT c.customer_id FROM customers c
WHERE c.customer_id = ANY ($1::text[]) AND (
    EXISTS (SELECT FROM denied_links d WHERE d.customer_id = c.customer_id)
    OR EXISTS (
        SELECT FROM unnest(c.keys) AS his (key) JOIN customer_identifiers m ON m.identifier_key = his.key AND m.customer_id = c.customer_id
        WHERE m.claims IS NOT NULL
    )
)

-- name: owners_by_key
-- Who has these identifiers: of one who is part of another, that other.
SELECT DISTINCT m.identifier_key, COALESCE(c.merged_into, c.customer_id) AS owner
FROM customer_identifiers m JOIN customers c ON c.customer_id = m.customer_id
WHERE m.identifier_key = ANY ($1::bigint[])
ORDER BY 2

-- name: make_customer
-- A customer, unless there is one of that id.
INSERT INTO customers (customer_id, name, language, attributes, keys, others) VALUES ($1, $2, NULL, '{}', '{}', '[]')
ON CONFLICT (customer_id) DO NOTHING

-- name: drop_customer
-- A customer that was made by mistake, and what was denied of it.
WITH denied AS (DELETE FROM denied_links WHERE customer_id = $1) DELETE FROM customers WHERE customer_id = $1

-- name: set_links
-- The identifiers of a customer, in their order.
UPDATE customers SET keys = $2::bigint[], others = $3::text::json WHERE customer_id = $1

-- name: add_links
-- The other way round, with what is said for each.
INSERT INTO customer_identifiers (identifier_key, customer_id, claims)
SELECT key, $1, claims FROM unnest($2::bigint[], $3::text[]) AS given (key, claims)
ON CONFLICT DO NOTHING

-- name: set_claims
-- What is said for all links of some customers.
UPDATE customer_identifiers m SET claims = $2
FROM customers c
WHERE c.customer_id = ANY ($1::text[]) AND m.customer_id = c.customer_id AND m.identifier_key = ANY (c.keys)

-- name: set_merged_into
-- Whom a customer is part of.
UPDATE customers SET merged_into = $2 WHERE customer_id = $1

-- name: set_merged
-- The other way round.
UPDATE customers SET merged = (SELECT array_agg(customer_id ORDER BY customer_id) FROM customers WHERE merged_into = $1) WHERE customer_id = $1

-- name: put_denial
-- What an operator denied.
INSERT INTO denied_links (customer_id, kind, value, denied_at, denied_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (customer_id, kind, value) DO UPDATE SET denied_at = excluded.denied_at, denied_by = excluded.denied_by

-- name: drop_denial
-- It was taken back.
DELETE FROM denied_links WHERE customer_id = $1 AND kind = $2 AND value = $3

-- name: moving_touches
-- Touches to identifiers that name a customer.
SELECT touch_id FROM touches WHERE identifier_key = ANY ($1::bigint[]) AND customer_id = $2 LIMIT $3

-- name: moving_interactions
-- Interactions of identifiers that name a customer.
SELECT interaction_id FROM interactions WHERE customer_id = $2 AND identifier_key = ANY ($1::bigint[]) LIMIT $3

-- name: moving_calls
-- Calls from phones that name a customer.
SELECT call_id FROM calls WHERE caller_key = ANY ($1::bigint[]) AND customer_id = $2 LIMIT $3

-- name: move_touches
-- Whose touches are.
UPDATE touches SET customer_id = $2 WHERE touch_id = ANY ($1::text[]) AND customer_id = $3

-- name: move_interactions
-- Whose interactions are.
UPDATE interactions SET customer_id = $2 WHERE interaction_id = ANY ($1::text[]) AND customer_id = $3

-- name: move_calls
-- Whose calls were.
UPDATE calls SET customer_id = $2 WHERE call_id = ANY ($1::text[]) AND customer_id = $3

-- name: add_change
-- A line of the audit; returns its number.
INSERT INTO identity_changes (kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING change_id

-- name: put_change
-- A line of the audit, as another store had it.
INSERT INTO identity_changes (change_id, kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (change_id) DO UPDATE SET undone_at = excluded.undone_at, undone_by = excluded.undone_by

-- name: number_changes_on
-- Go on numbering after those that another store had.
SELECT setval(pg_get_serial_sequence('identity_changes', 'change_id'), GREATEST((SELECT max(change_id) FROM identity_changes), 1))

-- name: undo_change
-- It was taken back.
UPDATE identity_changes SET undone_at = $2, undone_by = $3 WHERE change_id = $1

-- name: get_change
-- One line of the audit.
SELECT change_id, kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan
FROM identity_changes WHERE change_id = $1

-- name: changes
-- Lines of the audit before one, the latest first.
SELECT change_id, kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan
FROM identity_changes WHERE change_id < $1 ORDER BY change_id DESC LIMIT $2

-- name: changes_of
-- The same of one customer.
SELECT change_id, kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan
FROM identity_changes WHERE change_id < $1 AND (customer_id = $3 OR other_id = $3) ORDER BY change_id DESC LIMIT $2

-- name: get_customer
-- A customer without identifiers.
SELECT name, language, attributes FROM customers WHERE customer_id = $1

-- name: export_identities
-- Customers of whom more is known than the company's file says. For `db copy`.
SELECT c.customer_id FROM customers c
WHERE c.customer_id >= $1 AND (
    c.merged_into IS NOT NULL
    OR EXISTS (SELECT 1 FROM denied_links d WHERE d.customer_id = c.customer_id)
    OR EXISTS (
        SELECT FROM unnest(c.keys) AS his (key) JOIN customer_identifiers m ON m.identifier_key = his.key AND m.customer_id = c.customer_id
        WHERE m.claims IS NOT NULL
    )
)
ORDER BY c.customer_id LIMIT $2

-- name: count_all_identities
-- How many.
SELECT count(*) FROM customers c
WHERE c.merged_into IS NOT NULL
    OR EXISTS (SELECT 1 FROM denied_links d WHERE d.customer_id = c.customer_id)
    OR EXISTS (
        SELECT FROM unnest(c.keys) AS his (key) JOIN customer_identifiers m ON m.identifier_key = his.key AND m.customer_id = c.customer_id
        WHERE m.claims IS NOT NULL
    )

-- name: export_identity_changes
-- The audit.
SELECT change_id, kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan
FROM identity_changes WHERE change_id >= $1 ORDER BY change_id LIMIT $2

-- name: count_all_identity_changes
-- How many.
SELECT count(*) FROM identity_changes
