-- What calls did for touches and interactions, and the calls of which that is to be found out.

-- name: lend_ended_calls
-- Lend what is due until ?2.
UPDATE attribution_work SET due_at = ?2
WHERE call_id IN (SELECT call_id FROM attribution_work WHERE due_at <= ?1 ORDER BY due_at LIMIT ?3)
RETURNING call_id

-- name: next_ended_call_at
-- When one is due.
SELECT min(due_at) FROM attribution_work

-- name: end_ended_call
-- A call lent until ?2 is settled. What was learnt of it meanwhile has given it another time.
DELETE FROM attribution_work WHERE call_id = ?1 AND due_at = ?2

-- name: put_off_ended_call
-- It is to be looked at again.
UPDATE attribution_work SET due_at = ?3 WHERE call_id = ?1 AND due_at = ?2

-- name: drop_ended_call
-- Nothing is to be done for a call.
DELETE FROM attribution_work WHERE call_id = ?1

-- name: wrap_ups_of_call
-- The notes on a call, the latest first.
SELECT call_id, operator_id, note, noted_at, code FROM wrap_ups WHERE call_id = ?1 ORDER BY noted_at DESC, operator_id

-- name: get_attribution
-- How a call was attributed.
SELECT call_id, attributed_by, received_at, ended_at, revision, touch_id, interaction_id, campaign, touched_at, customer_id, answered_at,
    outcome, queue, operator_id, code, skipped_menu
FROM attributions WHERE call_id = ?1

-- name: put_attribution
-- How a call is attributed; an older revision changes nothing.
INSERT INTO attributions (call_id, attributed_by, received_at, ended_at, revision, touch_id, interaction_id, campaign, touched_at,
    customer_id, answered_at, outcome, queue, operator_id, code, skipped_menu)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (call_id) DO UPDATE SET
    attributed_by = excluded.attributed_by, received_at = excluded.received_at, ended_at = excluded.ended_at,
    revision = excluded.revision, touch_id = excluded.touch_id, interaction_id = excluded.interaction_id, campaign = excluded.campaign,
    touched_at = excluded.touched_at, customer_id = excluded.customer_id, answered_at = excluded.answered_at, outcome = excluded.outcome,
    queue = excluded.queue, operator_id = excluded.operator_id, code = excluded.code, skipped_menu = excluded.skipped_menu
WHERE excluded.revision >= attributions.revision

-- name: sent_touch
-- When a touch was sent, and for what.
SELECT touch_id, campaign, sent_at FROM touches WHERE touch_id = ?1

-- name: report_title
-- A campaign's title.
SELECT title FROM campaigns WHERE key = ?1

-- name: report_touches
-- How far the touches of a campaign got that were sent in a stretch of time.
SELECT status, count(*) FROM touches WHERE campaign = ?1 AND sent_at >= ?2 AND sent_at < ?3 GROUP BY status

-- name: report_callers
-- How many of them led to calls within ?4 microseconds.
SELECT count(DISTINCT touch_id) FROM attributions
WHERE campaign = ?1 AND touched_at >= ?2 AND touched_at < ?3 AND received_at - touched_at <= ?4

-- name: report_calls
-- These calls, by what a report tells apart.
SELECT max(0, received_at - touched_at) / 3600000000 AS hour, outcome, code, attributed_by, skipped_menu, count(*), count(answered_at),
    COALESCE(sum(max(0, ended_at - answered_at)), 0) / 1000000.0
FROM attributions
WHERE campaign = ?1 AND touched_at >= ?2 AND touched_at < ?3 AND received_at - touched_at <= ?4
GROUP BY hour, outcome, code, attributed_by, skipped_menu

-- name: report_waits
-- How long, in whole seconds, how many of those waited who were answered; the shortest first.
SELECT max(0, answered_at - received_at) / 1000000 AS waited, count(*)
FROM attributions
WHERE campaign = ?1 AND touched_at >= ?2 AND touched_at < ?3 AND received_at - touched_at <= ?4 AND answered_at IS NOT NULL
GROUP BY waited ORDER BY waited

-- name: erase_attributions
-- Make what a call did anonymous: what it did for the campaign stays.
UPDATE attributions SET touch_id = NULL, interaction_id = NULL, customer_id = NULL WHERE call_id = ?1

-- name: erase_attributions_of_customer
-- The same for all calls of a customer.
UPDATE attributions SET touch_id = NULL, interaction_id = NULL, customer_id = NULL WHERE customer_id = ?1

-- name: purge_attributions
-- Remove some of those of calls received before a time.
DELETE FROM attributions WHERE call_id IN (SELECT call_id FROM attributions WHERE received_at < ?1 LIMIT ?2)

-- name: count_attributions
-- Those of calls received before a time.
SELECT count(*) FROM attributions WHERE received_at < ?1

-- name: export_attributions
-- Attributions in the order of calls.
SELECT call_id, attributed_by, received_at, ended_at, revision, touch_id, interaction_id, campaign, touched_at, customer_id, answered_at,
    outcome, queue, operator_id, code, skipped_menu
FROM attributions WHERE call_id >= ?1 ORDER BY call_id LIMIT ?2

-- name: count_all_attributions
-- How many.
SELECT count(*) FROM attributions
