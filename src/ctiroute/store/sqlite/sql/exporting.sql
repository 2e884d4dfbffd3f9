-- Everything, page by page in the order of its keys: one page begins with the last item of the one before. For `db copy`.

-- name: export_campaigns
-- Campaigns.
SELECT key, title, medium FROM campaigns WHERE key >= ?1 ORDER BY key LIMIT ?2

-- name: export_customers
-- Customers, without their identifiers.
SELECT customer_id, name, language, attributes FROM customers WHERE customer_id >= ?1 ORDER BY customer_id LIMIT ?2

-- name: export_customer_identifiers
-- The identifiers of the customers of a page.
SELECT c.customer_id, i.kind, i.value
FROM customer_identifiers c JOIN identifiers i ON i.identifier_id = c.identifier_id
WHERE c.customer_id BETWEEN ?1 AND ?2
ORDER BY c.customer_id, c.position

-- name: export_touches
-- Touches, as rows of an import.
SELECT t.touch_id, i.kind, i.value, t.campaign, t.medium, t.sent_at, t.status, t.delivered_at, t.read_at, t.clicked_at, t.customer_id,
    t.title, t.text, t.terms, t.fields, c.title
FROM touches t JOIN identifiers i ON i.identifier_id = t.identifier_id JOIN campaigns c ON c.key = t.campaign
WHERE t.touch_id >= ?1
ORDER BY t.touch_id LIMIT ?2

-- name: export_interactions
-- Interactions, with their identifiers.
SELECT x.interaction_id, x.customer_id, x.medium, x.topic, x.title, x.status, x.opened_at, x.updated_at, x.owner,
    x.outcome, x.form, x.events, i.kind, i.value, x.source, x.external_id, x.revision, x.flags
FROM interactions x LEFT JOIN identifiers i ON i.identifier_id = x.identifier_id
WHERE x.interaction_id >= ?1
ORDER BY x.interaction_id LIMIT ?2

-- name: export_calls
-- Calls.
SELECT call_id, pbx, caller_phone, caller_raw, dialed, received_at, status, rule, queue, customer_id, touch_id, interaction_id,
    operator_id, decision_ms, outcome, answered_at, ended_at, snapshot
FROM calls WHERE call_id >= ?1 ORDER BY call_id LIMIT ?2

-- name: export_missed_calls
-- Missed calls.
SELECT pop_id, operator_id, call_id, caller_number, caller_name, headline, offered_at, rang_s FROM missed_calls
WHERE pop_id >= ?1 ORDER BY pop_id LIMIT ?2

-- name: export_wrap_ups
-- Notes; their key is of two parts.
SELECT call_id, operator_id, note, noted_at, code FROM wrap_ups
WHERE (call_id, operator_id) >= (?1, ?2) ORDER BY call_id, operator_id LIMIT ?3

-- name: export_operators
-- Operators, with the hash of their password.
SELECT operator_id, name, interfaces, extension, member_name, language, role, team, password_hash FROM operators
WHERE operator_id >= ?1 ORDER BY operator_id LIMIT ?2

-- name: export_api_keys
-- Keys, with the hash of their secret.
SELECT key_id, name, scopes, created_at, expires_at, revoked_at, last_used_at, secret_hash FROM api_keys
WHERE key_id >= ?1 ORDER BY key_id LIMIT ?2

-- name: count_all_campaigns
-- How many.
SELECT count(*) FROM campaigns

-- name: count_all_customers
-- How many.
SELECT count(*) FROM customers

-- name: count_all_touches
-- How many.
SELECT count(*) FROM touches

-- name: count_all_interactions
-- How many.
SELECT count(*) FROM interactions

-- name: count_all_calls
-- How many.
SELECT count(*) FROM calls

-- name: count_all_missed_calls
-- How many.
SELECT count(*) FROM missed_calls

-- name: count_all_wrap_ups
-- How many.
SELECT count(*) FROM wrap_ups

-- name: count_all_operators
-- How many.
SELECT count(*) FROM operators

-- name: count_all_api_keys
-- How many.
SELECT count(*) FROM api_keys
