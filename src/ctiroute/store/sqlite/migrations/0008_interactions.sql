-- Interactions taken in from their sources: where from, how often changed, and when each thing was told, so that what is told late or
-- again changes nothing it should not.
ALTER TABLE interactions ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE interactions ADD COLUMN external_id TEXT NOT NULL DEFAULT '';
ALTER TABLE interactions ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE interactions ADD COLUMN flags TEXT NOT NULL DEFAULT '[]'; -- JSON array of text
ALTER TABLE interactions ADD COLUMN clocks TEXT NOT NULL DEFAULT ''; -- JSON; '': it came whole, at its last event

CREATE UNIQUE INDEX interactions_by_source ON interactions (source, external_id) WHERE external_id <> '';

-- The newest of what was told of each, also what is not to be shown (kind ''): a telling is known again by its key.
CREATE TABLE interaction_events (
    interaction_key INTEGER NOT NULL REFERENCES interactions (interaction_key) ON DELETE CASCADE,
    event_key       BLOB NOT NULL, -- digest of the source's name for it
    at              INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    text            TEXT NOT NULL,
    PRIMARY KEY (interaction_key, event_key)
) STRICT, WITHOUT ROWID;
