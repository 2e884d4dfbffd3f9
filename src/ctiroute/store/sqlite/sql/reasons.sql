-- Why people call: what operators said, and the numbers that response curves are learnt from.

-- name: confirm_reason
-- What an operator found the reason of a call to be. What has been counted can only be taken back as it was counted, so its pattern stays.
INSERT INTO confirmed_reasons (call_id, operator_id, noted_at, kind, about_id, pattern, choice, period, counted)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (call_id) DO UPDATE SET
    operator_id = excluded.operator_id, noted_at = excluded.noted_at, kind = excluded.kind, about_id = excluded.about_id,
    choice = CASE WHEN counted IS NULL OR pattern = excluded.pattern THEN excluded.choice ELSE choice END,
    pattern = CASE WHEN counted IS NULL THEN excluded.pattern ELSE pattern END,
    period = CASE WHEN counted IS NULL THEN excluded.period ELSE period END,
    counted = COALESCE(counted, excluded.counted)
WHERE excluded.noted_at >= confirmed_reasons.noted_at

-- name: confirmed_reason
-- What an operator found the reason of one call to be.
SELECT call_id, operator_id, noted_at, kind, about_id, pattern, choice, period, counted FROM confirmed_reasons WHERE call_id = ?1

-- name: reasons_to_count
-- Answers that have not been learnt from as they are now.
SELECT call_id, operator_id, noted_at, kind, about_id, pattern, choice, period, counted FROM confirmed_reasons
WHERE counted IS NOT choice AND pattern <> '' ORDER BY noted_at LIMIT ?1

-- name: count_reason
-- An answer has been learnt from.
UPDATE confirmed_reasons SET counted = ?2 WHERE call_id = ?1

-- name: exposed_touches
-- Touches since a time by campaign, medium and the moment they were sent at, which is finer since another time.
SELECT campaign, medium, sent_at / CASE WHEN sent_at >= ?2 THEN ?3 ELSE ?4 END * CASE WHEN sent_at >= ?2 THEN ?3 ELSE ?4 END AS at, count(*)
FROM touches WHERE sent_at >= ?1 AND status <> 'failed'
GROUP BY campaign, medium, at

-- name: exposed_interactions
-- The same of conversations that are open, by topic and the moment they moved last.
SELECT topic, medium,
    updated_at / CASE WHEN updated_at >= ?2 THEN ?3 ELSE ?4 END * CASE WHEN updated_at >= ?2 THEN ?3 ELSE ?4 END AS at, count(*)
FROM interactions WHERE closed = 0 AND updated_at >= ?1
GROUP BY topic, medium, at

-- name: exposed_people
-- How many people have any of these: a customer is one, and so is an identifier that is nobody's.
SELECT count(*) FROM (
    SELECT COALESCE(c.customer_id, '#' || t.identifier_id) AS who
    FROM (SELECT DISTINCT identifier_id FROM touches WHERE sent_at >= ?1 AND status <> 'failed') t
        LEFT JOIN customer_identifiers c ON c.identifier_id = t.identifier_id
    UNION
    SELECT COALESCE(x.customer_id, c.customer_id, '#' || x.identifier_id)
    FROM interactions x LEFT JOIN customer_identifiers c ON c.identifier_id = x.identifier_id
    WHERE x.closed = 0 AND x.updated_at >= ?1
)

-- name: reason_tallies
-- All numbers.
SELECT period, what, amount FROM reason_tallies

-- name: reason_tally
-- One number.
SELECT amount FROM reason_tallies WHERE period = ?1 AND what = ?2

-- name: add_reason_tally
-- Add to a number.
INSERT INTO reason_tallies (period, what, amount) VALUES (?1, ?2, ?3)
ON CONFLICT (period, what) DO UPDATE SET amount = amount + excluded.amount

-- name: put_reason_tally
-- Set a number.
INSERT INTO reason_tallies (period, what, amount) VALUES (?1, ?2, ?3)
ON CONFLICT (period, what) DO UPDATE SET amount = excluded.amount

-- name: drop_reason_tallies
-- Forget periods before one.
DELETE FROM reason_tallies WHERE period < ?1 AND period <> ''

-- name: erase_confirmed_reasons
-- Forget which touch or conversation of a person it was; that there was an answer stays.
UPDATE confirmed_reasons SET about_id = '' WHERE call_id = ?1

-- name: purge_reasons
-- Remove some of the answers given before a time.
DELETE FROM confirmed_reasons WHERE call_id IN (SELECT call_id FROM confirmed_reasons WHERE noted_at < ?1 LIMIT ?2)

-- name: count_reasons
-- Answers given before a time.
SELECT count(*) FROM confirmed_reasons WHERE noted_at < ?1

-- name: export_confirmed_reasons
-- Answers of operators.
SELECT call_id, operator_id, noted_at, kind, about_id, pattern, choice, period, counted FROM confirmed_reasons
WHERE call_id >= ?1 ORDER BY call_id LIMIT ?2

-- name: export_reason_tallies
-- Numbers; their key is of two parts.
SELECT period, what, amount FROM reason_tallies WHERE (period, what) >= (?1, ?2) ORDER BY period, what LIMIT ?3

-- name: count_all_confirmed_reasons
-- How many.
SELECT count(*) FROM confirmed_reasons

-- name: count_all_reason_tallies
-- How many.
SELECT count(*) FROM reason_tallies
