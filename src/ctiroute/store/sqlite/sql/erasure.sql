-- Forgetting a person. What is theirs is looked for on a connection that only reads, with the person in two temporary tables, and then
-- removed by its key, a little at a time.

-- name: make_subject_customers
-- Whose data it is.
CREATE TEMP TABLE subject_customers (customer_id TEXT PRIMARY KEY) WITHOUT ROWID

-- name: make_subject_identifiers
-- By what they are known; `shared` where somebody else is known by it too. No number where only calls name it.
CREATE TEMP TABLE subject_identifiers (
    kind TEXT NOT NULL, value TEXT NOT NULL, identifier_id INTEGER UNIQUE, shared INTEGER NOT NULL, PRIMARY KEY (kind, value)
) WITHOUT ROWID

-- name: make_subject_neighbours
-- Who shares an identifier with them: what was known of these callers may name the subject.
CREATE TEMP TABLE subject_neighbours (customer_id TEXT PRIMARY KEY) WITHOUT ROWID

-- name: add_subject_customer
-- One customer.
INSERT INTO subject_customers (customer_id) VALUES (?)

-- name: add_subject_identifier
-- One identifier.
INSERT INTO subject_identifiers (kind, value, identifier_id, shared) VALUES (?, ?, ?, ?)

-- name: add_subject_neighbour
-- One neighbour.
INSERT INTO subject_neighbours (customer_id) VALUES (?)

-- name: search_owners
-- The number of an identifier, and every customer who has it (of one who is part of another, that other); one row with null when nobody does.
SELECT i.identifier_id, COALESCE(k.merged_into, k.customer_id)
FROM identifiers i
    LEFT JOIN customer_identifiers c ON c.identifier_id = i.identifier_id
    LEFT JOIN customers k ON k.customer_id = c.customer_id
WHERE i.kind = ?1 AND i.value = ?2

-- name: search_identifiers_of
-- The identifiers of one customer, the primary one first.
SELECT i.kind, i.value
FROM customer_identifiers c JOIN identifiers i ON i.identifier_id = c.identifier_id
WHERE c.customer_id = ?1
ORDER BY c.position

-- name: search_customers_of_subject
-- Those of the subject's customers that we keep.
SELECT customer_id FROM customers WHERE customer_id IN (SELECT customer_id FROM subject_customers)

-- name: search_touches_of_identifiers
-- Touches to the subject's identifiers, and whose they are: what names another customer we know is that one's.
SELECT t.touch_id,
    CASE
        WHEN t.customer_id IN (SELECT customer_id FROM subject_customers) THEN 'subject'
        WHEN t.customer_id IN (SELECT customer_id FROM customers) THEN 'other'
        WHEN s.shared THEN 'shared'
        ELSE 'subject'
    END
FROM subject_identifiers s JOIN touches t ON t.identifier_id = s.identifier_id

-- name: search_touches_of_customers
-- Touches that name the subject, whatever they were sent to (an earlier number, say). No index: a scan, off everybody's way.
SELECT touch_id, 'subject' FROM touches WHERE customer_id IN (SELECT customer_id FROM subject_customers)

-- name: search_interactions_of_identifiers
-- Interactions of the subject's identifiers, and whose they are.
SELECT x.interaction_id,
    CASE
        WHEN x.customer_id IN (SELECT customer_id FROM subject_customers) THEN 'subject'
        WHEN x.customer_id IN (SELECT customer_id FROM customers) THEN 'other'
        WHEN s.shared THEN 'shared'
        ELSE 'subject'
    END
FROM subject_identifiers s JOIN interactions x ON x.identifier_id = s.identifier_id

-- name: search_interactions_of_customers
-- Interactions that name the subject.
SELECT interaction_id, 'subject' FROM interactions WHERE customer_id IN (SELECT customer_id FROM subject_customers)

-- name: search_calls_of_subject
-- Calls of the subject, or to them, or of somebody near: whose they are, whether what was known of the caller is kept, whether the
-- number dialled is the subject's. Since a time, the latest first. A scan of these.
SELECT c.call_id,
    CASE
        WHEN c.customer_id IN (SELECT customer_id FROM subject_customers) THEN 'subject'
        WHEN c.dialed IN (SELECT value FROM subject_identifiers WHERE kind = 'phone' AND NOT shared) THEN 'subject'
        WHEN s.value IS NULL THEN 'near'
        WHEN c.customer_id IN (SELECT customer_id FROM customers) THEN 'other'
        WHEN s.shared THEN 'shared'
        ELSE 'subject'
    END,
    c.snapshot IS NOT NULL,
    c.dialed IN (SELECT value FROM subject_identifiers WHERE kind = 'phone' AND NOT shared)
FROM calls c LEFT JOIN subject_identifiers s ON s.kind = 'phone' AND s.value = c.caller_phone
WHERE COALESCE(c.received_at, c.answered_at, c.ended_at, 0) >= ?1 AND (
    s.value IS NOT NULL
    OR c.customer_id IN (SELECT customer_id FROM subject_customers)
    OR c.dialed IN (SELECT value FROM subject_identifiers WHERE kind = 'phone' AND NOT shared)
    OR c.customer_id IN (SELECT customer_id FROM subject_neighbours)
    OR c.caller_phone IN (
        SELECT i.value
        FROM subject_neighbours n
            JOIN customer_identifiers ci ON ci.customer_id = n.customer_id
            JOIN identifiers i ON i.identifier_id = ci.identifier_id AND i.kind = 'phone'
    )
)
ORDER BY COALESCE(c.received_at, c.answered_at, c.ended_at, 0) DESC

-- name: search_named_call
-- A call that is known to be the subject's, if it still tells anything of the caller.
SELECT call_id FROM calls
WHERE call_id = ?1 AND COALESCE(caller_phone, caller_raw, customer_id, touch_id, interaction_id, snapshot) IS NOT NULL

-- name: search_raw_callers
-- Calls since a time without a number that could be a key, and what came in its place.
SELECT call_id, caller_raw FROM calls
WHERE COALESCE(received_at, answered_at, ended_at, 0) >= ?1 AND caller_phone IS NULL AND caller_raw IS NOT NULL

-- name: search_missed_with_words
-- Missed calls that still say who called.
SELECT pop_id, call_id, caller_number FROM missed_calls WHERE caller_number <> '' OR caller_name <> '' OR headline <> ''

-- name: search_notes_on_call
-- Notes on one call that still say something.
SELECT call_id, operator_id FROM wrap_ups WHERE call_id = ?1 AND note <> ''

-- name: erase_touches
-- Remove a touch.
DELETE FROM touches WHERE touch_id = ?1

-- name: erase_interactions
-- Remove an interaction.
DELETE FROM interactions WHERE interaction_id = ?1

-- name: erase_calls
-- Make a call anonymous: when it came, where it went and how it ended stay. A number dialled stays unless it is the subject's.
UPDATE calls SET caller_phone = NULL, caller_raw = NULL, customer_id = NULL, touch_id = NULL, interaction_id = NULL, snapshot = NULL,
    dialed = CASE WHEN ?2 THEN NULL ELSE dialed END
WHERE call_id = ?1

-- name: erase_snapshots
-- Forget what was known of the caller of somebody else's call.
UPDATE calls SET snapshot = NULL WHERE call_id = ?1

-- name: erase_missed_calls
-- Make a missed call anonymous.
UPDATE missed_calls SET caller_number = '', caller_name = '', headline = '' WHERE pop_id = ?1

-- name: erase_wrap_ups
-- Empty a note. Its code stays: it counts matters, not people.
UPDATE wrap_ups SET note = '' WHERE call_id = ?1 AND operator_id = ?2

-- name: search_identity_changes
-- The audit of who is who: few lines, for each is a person's.
SELECT change_id, customer_id, other_id, identifiers, plan FROM identity_changes

-- name: erase_identity_changes
-- Remove a line of it.
DELETE FROM identity_changes WHERE change_id = ?1

-- name: search_denied_links
-- Of whom the subject's identifiers were denied to be.
SELECT d.customer_id, d.kind, d.value FROM denied_links d JOIN subject_identifiers s ON s.kind = d.kind AND s.value = d.value
WHERE NOT s.shared

-- name: erase_denied_links
-- Forget of whom an identifier was denied to be.
DELETE FROM denied_links WHERE customer_id = ?1 AND kind = ?2 AND value = ?3

-- name: erase_customers
-- Remove a customer, and the identifiers' links with it.
DELETE FROM customers WHERE customer_id = ?1

-- name: erase_identifiers
-- Remove an identifier that nothing refers to any more.
DELETE FROM identifiers WHERE kind = ?1 AND value = ?2
    AND NOT EXISTS (SELECT 1 FROM touches t WHERE t.identifier_id = identifiers.identifier_id)
    AND NOT EXISTS (SELECT 1 FROM customer_identifiers c WHERE c.identifier_id = identifiers.identifier_id)
    AND NOT EXISTS (SELECT 1 FROM interactions x WHERE x.identifier_id = identifiers.identifier_id)

-- name: add_erasure
-- Tell running nodes.
INSERT INTO erasures (erased_at, marker) VALUES (?, ?)

-- name: erasures_after
-- What was erased since a node looked last.
SELECT erasure_id, marker FROM erasures WHERE erasure_id > ?1 ORDER BY erasure_id LIMIT 100
