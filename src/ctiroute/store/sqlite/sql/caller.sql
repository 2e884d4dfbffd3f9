-- The call path: what a decision needs about one identifier. Each statement is bounded by an index and a LIMIT.

-- name: find_identifier
-- The asked identifier, its customers and all their identifiers: one row for each customer and identifier, or one with
-- nulls where there is no customer, or no such identifier. The asked one is not read a second time among its customer's: its kind and
-- value are null there. Three columns say whether looking for touches (always, to the asked one), for interactions of the bare
-- identifier and for calls is worth a statement, so that a stranger costs this one. In no promised order: SQLite would sort in a
-- temporary table what mostly is one or two rows.
SELECT c.customer_id, c.name, c.language, c.attributes, COALESCE(his.identifier_id, asked.identifier_id), i.kind, i.value,
    i.identifier_id IS NULL OR EXISTS (SELECT 1 FROM touches t WHERE t.identifier_id = i.identifier_id AND t.sent_at >= ?3),
    EXISTS (SELECT 1 FROM interactions x
        WHERE x.identifier_id = COALESCE(his.identifier_id, asked.identifier_id) AND x.customer_id IS NULL),
    EXISTS (SELECT 1 FROM calls WHERE caller_phone = ?2 AND received_at >= ?4),
    his.position, mine.claims, c.merged_into, c.merged
FROM (SELECT 1)
    LEFT JOIN identifiers asked ON asked.kind = ?1 AND asked.value = ?2
    LEFT JOIN customer_identifiers mine ON mine.identifier_id = asked.identifier_id
    LEFT JOIN customers c ON c.customer_id = mine.customer_id
    LEFT JOIN customer_identifiers his ON his.customer_id = mine.customer_id
    LEFT JOIN identifiers i ON i.identifier_id = NULLIF(his.identifier_id, asked.identifier_id)
LIMIT 256

-- name: find_part
-- One of several customers who are one: rows as of `find_identifier`.
SELECT c.customer_id, c.name, c.language, c.attributes, his.identifier_id, i.kind, i.value,
    EXISTS (SELECT 1 FROM touches t WHERE t.identifier_id = his.identifier_id AND t.sent_at >= ?2),
    EXISTS (SELECT 1 FROM interactions x WHERE x.identifier_id = his.identifier_id AND x.customer_id IS NULL),
    0, COALESCE(his.position, 0), '', c.merged_into, c.merged
FROM customers c
    LEFT JOIN customer_identifiers his ON his.customer_id = c.customer_id
    LEFT JOIN identifiers i ON i.identifier_id = his.identifier_id
WHERE c.customer_id = ?1
LIMIT 256

-- name: find_touches
-- Touches to one identifier since a time, newest first.
SELECT t.touch_id, t.campaign, c.title, t.medium, t.sent_at, t.status, t.title, t.text, t.terms, t.fields, t.delivered_at, t.customer_id,
    t.read_at, t.clicked_at
FROM touches t JOIN campaigns c ON c.key = t.campaign
WHERE t.identifier_id = ?1 AND t.sent_at >= ?2
ORDER BY t.sent_at DESC
LIMIT ?3

-- name: find_interactions_of_customer
-- Interactions of one customer: open ones of any age first, then the closed ones since a time, newest first.
SELECT x.interaction_id, x.customer_id, x.medium, x.topic, x.title, x.status, x.opened_at, x.updated_at, x.owner,
    x.outcome, x.form, x.events, i.kind, i.value, x.source, x.external_id, x.revision, x.flags
FROM interactions x LEFT JOIN identifiers i ON i.identifier_id = x.identifier_id
WHERE x.customer_id = ?1 AND (x.closed = 0 OR x.updated_at >= ?2)
ORDER BY x.closed, x.updated_at DESC
LIMIT ?3

-- name: find_interactions_of_identifier
-- The same for an identifier whose interactions name no customer.
SELECT x.interaction_id, x.customer_id, x.medium, x.topic, x.title, x.status, x.opened_at, x.updated_at, x.owner,
    x.outcome, x.form, x.events, i.kind, i.value, x.source, x.external_id, x.revision, x.flags
FROM interactions x JOIN identifiers i ON i.identifier_id = x.identifier_id
WHERE x.identifier_id = ?1 AND x.customer_id IS NULL AND (x.closed = 0 OR x.updated_at >= ?2)
ORDER BY x.closed, x.updated_at DESC
LIMIT ?3

-- name: rank_interactions_of_customer
-- Which those are, out of the index alone: several customers or identifiers have more of them together than are asked for.
SELECT closed, -updated_at, interaction_key
FROM interactions
WHERE customer_id = ?1 AND (closed = 0 OR updated_at >= ?2)
ORDER BY closed, updated_at DESC
LIMIT ?3

-- name: rank_interactions_of_identifier
-- The same for an identifier whose interactions name no customer.
SELECT closed, -updated_at, interaction_key
FROM interactions
WHERE identifier_id = ?1 AND customer_id IS NULL AND (closed = 0 OR updated_at >= ?2)
ORDER BY closed, updated_at DESC
LIMIT ?3

-- name: find_interactions
-- Those of these keys (a JSON list).
SELECT x.interaction_id, x.customer_id, x.medium, x.topic, x.title, x.status, x.opened_at, x.updated_at, x.owner,
    x.outcome, x.form, x.events, i.kind, i.value, x.source, x.external_id, x.revision, x.flags
FROM json_each(?1) asked JOIN interactions x ON x.interaction_key = asked.value
    LEFT JOIN identifiers i ON i.identifier_id = x.identifier_id
LIMIT ?2

-- name: find_calls
-- Earlier calls from one number since a time, newest first.
SELECT call_id, received_at, outcome, rule, queue, operator_id, customer_id FROM calls
WHERE caller_phone = ?1 AND received_at >= ?2
ORDER BY received_at DESC
LIMIT ?3
