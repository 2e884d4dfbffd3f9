-- The newest few events of an interaction, newest first, beside it as [[at, kind, text], ...]: a caller costs no other table.
ALTER TABLE interactions ADD COLUMN events TEXT NOT NULL DEFAULT '[]';

UPDATE interactions SET events = (
    SELECT json_group_array(json_array(at, kind, text)) FROM (
        SELECT at, kind, text FROM interaction_events e WHERE e.interaction_key = interactions.interaction_key ORDER BY position LIMIT 5
    )
) WHERE EXISTS (SELECT 1 FROM interaction_events e WHERE e.interaction_key = interactions.interaction_key);

DROP TABLE interaction_events;
