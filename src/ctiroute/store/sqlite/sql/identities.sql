-- Who is who. Held: what there is of one customer, before it is planned what to change.

-- name: held_customer
-- Whom a customer is part of, and who is part of this one.
SELECT merged_into, merged FROM customers WHERE customer_id = ?1

-- name: held_links
-- The identifiers of a customer in their order, with what is said for each.
SELECT i.kind, i.value, c.claims
FROM customer_identifiers c JOIN identifiers i ON i.identifier_id = c.identifier_id
WHERE c.customer_id = ?1
ORDER BY c.position

-- name: held_denials
-- What operators denied of a customer.
SELECT kind, value, denied_at, denied_by FROM denied_links WHERE customer_id = ?1 ORDER BY kind, value

-- name: customers_with_claims
-- Of these customers (a JSON array) those of whose links more is known than that the company's file has them, or that were denied.
SELECT j.value FROM json_each(?1) j
WHERE EXISTS (SELECT 1 FROM customer_identifiers c WHERE c.customer_id = j.value AND c.claims IS NOT NULL)
    OR EXISTS (SELECT 1 FROM denied_links d WHERE d.customer_id = j.value)

-- name: owners_of_identifier
-- Who has an identifier: of one who is part of another, that other.
SELECT DISTINCT COALESCE(c.merged_into, c.customer_id)
FROM identifiers i
    JOIN customer_identifiers m ON m.identifier_id = i.identifier_id
    JOIN customers c ON c.customer_id = m.customer_id
WHERE i.kind = ?1 AND i.value = ?2
ORDER BY 1

-- name: put_link
-- One identifier of a customer, with what is said for it.
INSERT INTO customer_identifiers (customer_id, position, identifier_id, claims)
VALUES (?, ?, (SELECT identifier_id FROM identifiers WHERE kind = ? AND value = ?), ?)
ON CONFLICT (identifier_id, customer_id) DO NOTHING

-- name: set_merged_into
-- Whom a customer is part of.
UPDATE customers SET merged_into = ?2 WHERE customer_id = ?1

-- name: set_merged
-- The other way round.
UPDATE customers SET merged = (
    SELECT CASE WHEN count(*) > 0 THEN json_group_array(customer_id) END
    FROM (SELECT customer_id FROM customers WHERE merged_into = ?1 ORDER BY customer_id)
) WHERE customer_id = ?1

-- name: put_denial
-- What an operator denied.
INSERT INTO denied_links (customer_id, kind, value, denied_at, denied_by) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (customer_id, kind, value) DO UPDATE SET denied_at = excluded.denied_at, denied_by = excluded.denied_by

-- name: drop_denial
-- It was taken back.
DELETE FROM denied_links WHERE customer_id = ?1 AND kind = ?2 AND value = ?3

-- name: drop_customer
-- A customer that was made by mistake.
DELETE FROM customers WHERE customer_id = ?1

-- name: moving_touches
-- Touches to an identifier that name a customer.
SELECT t.touch_id FROM identifiers i JOIN touches t ON t.identifier_id = i.identifier_id
WHERE i.kind = ?1 AND i.value = ?2 AND t.customer_id = ?3 LIMIT ?4

-- name: moving_interactions
-- Interactions of an identifier that name a customer.
SELECT x.interaction_id FROM identifiers i JOIN interactions x ON x.identifier_id = i.identifier_id
WHERE i.kind = ?1 AND i.value = ?2 AND x.customer_id = ?3 LIMIT ?4

-- name: moving_calls
-- Calls from a phone that name a customer.
SELECT call_id FROM calls WHERE ?1 = 'phone' AND caller_phone = ?2 AND customer_id = ?3 LIMIT ?4

-- name: move_touches
-- Whose a touch is.
UPDATE touches SET customer_id = ?2 WHERE touch_id = ?1 AND customer_id = ?3

-- name: move_interactions
-- Whose an interaction is.
UPDATE interactions SET customer_id = ?2 WHERE interaction_id = ?1 AND customer_id = ?3

-- name: move_calls
-- Whose a call was.
UPDATE calls SET customer_id = ?2 WHERE call_id = ?1 AND customer_id = ?3

-- name: add_change
-- A line of the audit.
INSERT INTO identity_changes (kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: put_change
-- A line of the audit, as another store had it.
INSERT INTO identity_changes (change_id, kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (change_id) DO UPDATE SET undone_at = excluded.undone_at, undone_by = excluded.undone_by

-- name: undo_change
-- It was taken back.
UPDATE identity_changes SET undone_at = ?2, undone_by = ?3 WHERE change_id = ?1

-- name: get_change
-- One line of the audit.
SELECT change_id, kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan
FROM identity_changes WHERE change_id = ?1

-- name: changes
-- Lines of the audit before one, the latest first.
SELECT change_id, kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan
FROM identity_changes WHERE change_id < ?1 ORDER BY change_id DESC LIMIT ?2

-- name: changes_of
-- The same of one customer.
SELECT change_id, kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan
FROM identity_changes WHERE change_id < ?1 AND (customer_id = ?3 OR other_id = ?3) ORDER BY change_id DESC LIMIT ?2

-- name: get_customer
-- A customer without identifiers.
SELECT name, language, attributes FROM customers WHERE customer_id = ?1

-- name: export_identities
-- Customers of whom more is known than the company's file says. For `db copy`.
SELECT c.customer_id FROM customers c
WHERE c.customer_id >= ?1 AND (
    c.merged_into IS NOT NULL
    OR EXISTS (SELECT 1 FROM denied_links d WHERE d.customer_id = c.customer_id)
    OR EXISTS (SELECT 1 FROM customer_identifiers m WHERE m.customer_id = c.customer_id AND m.claims IS NOT NULL)
)
ORDER BY c.customer_id LIMIT ?2

-- name: count_all_identities
-- How many.
SELECT count(*) FROM customers c
WHERE c.merged_into IS NOT NULL
    OR EXISTS (SELECT 1 FROM denied_links d WHERE d.customer_id = c.customer_id)
    OR EXISTS (SELECT 1 FROM customer_identifiers m WHERE m.customer_id = c.customer_id AND m.claims IS NOT NULL)

-- name: export_identity_changes
-- The audit.
SELECT change_id, kind, customer_id, other_id, identifiers, changed_at, changed_by, why, undone_at, undone_by, plan
FROM identity_changes WHERE change_id >= ?1 ORDER BY change_id LIMIT ?2

-- name: count_all_identity_changes
-- How many.
SELECT count(*) FROM identity_changes
