-- Interactions as they are taken in and changed. What replaces them whole is in outreach.sql, what calls read in caller.sql.

-- name: get_interaction
-- One interaction, with its clocks and the number its events are kept under.
SELECT x.interaction_id, x.customer_id, x.medium, x.topic, x.title, x.status, x.opened_at, x.updated_at, x.owner,
    x.outcome, x.form, x.events, i.kind, i.value, x.source, x.external_id, x.revision, x.flags, x.clocks, x.interaction_key
FROM interactions x LEFT JOIN identifiers i ON i.identifier_id = x.identifier_id
WHERE x.interaction_id = ?1

-- name: interaction_of_source
-- The same by its source's name for it.
SELECT x.interaction_id, x.customer_id, x.medium, x.topic, x.title, x.status, x.opened_at, x.updated_at, x.owner,
    x.outcome, x.form, x.events, i.kind, i.value, x.source, x.external_id, x.revision, x.flags, x.clocks, x.interaction_key
FROM interactions x LEFT JOIN identifiers i ON i.identifier_id = x.identifier_id
WHERE x.source = ?1 AND x.external_id = ?2 AND x.external_id <> ''

-- name: interaction_key
-- The number of an interaction.
SELECT interaction_key FROM interactions WHERE interaction_id = ?1

-- name: get_event_keys
-- What was told of an interaction.
SELECT event_key, at FROM interaction_events WHERE interaction_key = ?1

-- name: get_event_rows
-- The same with its content, for a copy.
SELECT event_key, at, kind, text FROM interaction_events WHERE interaction_key = ?1 ORDER BY at, event_key

-- name: interaction_events
-- What happened in an interaction, the newest first.
SELECT e.at, e.kind, e.text
FROM interactions x JOIN interaction_events e ON e.interaction_key = x.interaction_key
WHERE x.interaction_id = ?1 AND e.kind <> ''
ORDER BY e.at DESC, e.event_key DESC
LIMIT ?2

-- name: add_event_row
-- One more thing that was told.
INSERT INTO interaction_events (interaction_key, event_key, at, kind, text) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING

-- name: drop_event_row
-- Let go of what is older than all that is kept.
DELETE FROM interaction_events WHERE interaction_key = ? AND event_key = ?

-- name: put_clocks
-- When each thing of an interaction was told.
UPDATE interactions SET clocks = ?2 WHERE interaction_id = ?1

-- name: export_tellings
-- How interactions were made that were taken in, in the order of their ids.
SELECT interaction_id, clocks, interaction_key FROM interactions WHERE interaction_id >= ?1 AND clocks <> '' ORDER BY interaction_id LIMIT ?2

-- name: count_all_tellings
-- How many.
SELECT count(*) FROM interactions WHERE clocks <> ''
