-- Interactions as they are taken in and changed. What replaces them whole is in outreach.sql, what calls read in caller.sql.

-- name: get_interaction
-- One interaction, in the shape of a look-up's rows.
SELECT 'i', identifier_key, opened_at, updated_at, NULL, NULL, NULL, NULL, interaction_id, customer_id, title, topic, outcome,
    medium || ' ' || status || ' ' || revision, owner, identifier_kind || ' ' || identifier_value, form, events, NULL, source, external_id,
    flags
FROM interactions WHERE interaction_id = $1

-- name: interaction_of_source
-- The same by its source's name for it.
SELECT 'i', identifier_key, opened_at, updated_at, NULL, NULL, NULL, NULL, interaction_id, customer_id, title, topic, outcome,
    medium || ' ' || status || ' ' || revision, owner, identifier_kind || ' ' || identifier_value, form, events, NULL, source, external_id,
    flags
FROM interactions WHERE source = $1 AND external_id = $2 AND external_id <> ''

-- name: interactions_of
-- The interactions of a customer: open ones first, of each the newest first.
SELECT 'i', identifier_key, opened_at, updated_at, NULL, NULL, NULL, NULL, interaction_id, customer_id, title, topic, outcome,
    medium || ' ' || status || ' ' || revision, owner, identifier_kind || ' ' || identifier_value, form, events, NULL, source, external_id,
    flags
FROM interactions WHERE customer_id = $1 ORDER BY closed, updated_at DESC LIMIT $2

-- name: lock_conversation
-- Have nobody else take in the same conversation until this transaction ends: there may be no row of it to lock yet.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0))

-- name: lock_interaction
-- Have nobody else change an interaction; its clocks.
SELECT clocks FROM interactions WHERE interaction_id = $1 FOR UPDATE

-- name: get_event_keys
-- What was told of an interaction.
SELECT event_key, at FROM interaction_events WHERE interaction_id = $1

-- name: get_event_rows
-- The same with its content, for a copy.
SELECT interaction_id, event_key, at, kind, text FROM interaction_events WHERE interaction_id = ANY ($1::text[]) ORDER BY at, event_key

-- name: interaction_events
-- What happened in an interaction, the newest first.
SELECT at, kind, text FROM interaction_events WHERE interaction_id = $1 AND kind <> '' ORDER BY at DESC, event_key DESC LIMIT $2

-- name: add_event_row
-- One more thing that was told, unless its interaction is gone.
INSERT INTO interaction_events (interaction_id, event_key, at, kind, text)
SELECT interaction_id, $2, $3, $4, $5 FROM interactions WHERE interaction_id = $1
ON CONFLICT DO NOTHING

-- name: drop_event_rows
-- Let go of what is older than all that is kept.
DELETE FROM interaction_events WHERE interaction_id = $1 AND event_key = ANY ($2::bytea[])

-- name: put_clocks
-- When each thing of an interaction was told.
UPDATE interactions SET clocks = $2 WHERE interaction_id = $1

-- name: export_tellings
-- How interactions were made that were taken in, in the order of their ids.
SELECT interaction_id, clocks FROM interactions WHERE interaction_id >= $1 AND clocks <> '' ORDER BY interaction_id LIMIT $2

-- name: count_all_tellings
-- How many.
SELECT count(*) FROM interactions WHERE clocks <> ''
