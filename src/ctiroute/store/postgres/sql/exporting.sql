-- Everything, page by page in the order of its keys: one page begins with the last item of the one before. For `db copy`.

-- name: export_campaigns
-- Campaigns.
SELECT key, title, medium FROM campaigns WHERE key >= $1 ORDER BY key LIMIT $2

-- name: export_customers
-- Customers.
SELECT customer_id, name, language, attributes, keys, others FROM customers WHERE customer_id >= $1 ORDER BY customer_id LIMIT $2

-- name: export_touches
-- Touches, with the text of identifiers that are not their own key.
SELECT t.touch_id, t.identifier_key, i.kind, i.value, c.key, t.medium, t.sent_at, t.status, t.delivered_at, t.read_at, t.clicked_at,
    t.customer_id, t.title, t.text, t.terms, t.fields, c.title AS campaign_title
FROM touches t
    CROSS JOIN LATERAL (SELECT * FROM campaigns WHERE campaign_id = t.campaign_id LIMIT 1) c
    LEFT JOIN LATERAL (SELECT * FROM identifiers WHERE identifier_key = t.identifier_key LIMIT 1) i ON true
WHERE t.touch_id >= $1
ORDER BY t.touch_id LIMIT $2

-- name: export_interactions
-- Interactions, in the shape of a look-up's rows.
SELECT 'i', identifier_key, opened_at, updated_at, NULL, NULL, NULL, NULL, interaction_id, customer_id, title, topic, outcome,
    medium || ' ' || status || ' ' || revision, owner, identifier_kind || ' ' || identifier_value, form, events, NULL, source, external_id,
    flags
FROM interactions WHERE interaction_id >= $1 ORDER BY interaction_id LIMIT $2

-- name: export_calls
-- Calls, with the text of phones that are not their own key.
SELECT call_id, pbx, caller_key, received_at, answered_at, ended_at, caller_raw, dialed, status, rule, queue, customer_id, touch_id,
    interaction_id, operator_id, decision_ms, outcome, snapshot, i.value
FROM calls LEFT JOIN LATERAL (SELECT value FROM identifiers WHERE identifier_key = calls.caller_key LIMIT 1) i ON true
WHERE call_id >= $1
ORDER BY call_id LIMIT $2

-- name: export_missed_calls
-- Missed calls.
SELECT pop_id, operator_id, call_id, caller_number, caller_name, headline, offered_at, rang_s FROM missed_calls
WHERE pop_id >= $1 ORDER BY pop_id LIMIT $2

-- name: export_wrap_ups
-- Notes; their key is of two parts.
SELECT call_id, operator_id, note, noted_at, code FROM wrap_ups
WHERE (call_id, operator_id) >= ($1, $2) ORDER BY call_id, operator_id LIMIT $3

-- name: export_operators
-- Operators, with the hash of their password.
SELECT operator_id, name, interfaces, extension, member_name, language, role, team, password_hash FROM operators
WHERE operator_id >= $1 ORDER BY operator_id LIMIT $2

-- name: export_api_keys
-- Keys, with the hash of their secret.
SELECT key_id, name, scopes, created_at, expires_at, revoked_at, last_used_at, secret_hash FROM api_keys
WHERE key_id >= $1 ORDER BY key_id LIMIT $2

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
