-- oldest: 1
-- Interactions taken in from their sources: where from, how often changed, and when each thing was told, so that what is told late or
-- again changes nothing it should not.
ALTER TABLE interactions
    ADD COLUMN source      text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN external_id text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN revision    integer NOT NULL DEFAULT 1,
    ADD COLUMN flags       text NOT NULL DEFAULT '[]', -- JSON array of text
    ADD COLUMN clocks      text NOT NULL DEFAULT '';   -- JSON; '': it came whole, at its last event

CREATE UNIQUE INDEX interactions_by_source ON interactions (source, external_id) WHERE external_id <> '';

-- The newest of what was told of each, also what is not to be shown (kind ''): a telling is known again by its key.
CREATE TABLE interaction_events (
    interaction_id text COLLATE "C" NOT NULL REFERENCES interactions (interaction_id) ON DELETE CASCADE,
    event_key      bytea NOT NULL, -- digest of the source's name for it
    at             bigint NOT NULL, -- microseconds since 1970, as it is told apart by them
    kind           text NOT NULL,
    text           text NOT NULL,
    PRIMARY KEY (interaction_id, event_key)
);
