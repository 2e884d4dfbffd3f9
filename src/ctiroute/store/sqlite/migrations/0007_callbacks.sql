-- Promises to ring customers. The order whole is in `body`; beside it stands what statements look for.
CREATE TABLE callbacks (
    callback_id      TEXT PRIMARY KEY,
    phone            TEXT NOT NULL,
    matter           TEXT NOT NULL,
    source           TEXT NOT NULL,
    external_id      TEXT NOT NULL,
    customer_id      TEXT,
    place            TEXT NOT NULL,
    closed           INTEGER NOT NULL,
    live             INTEGER NOT NULL, -- a node has it in hand
    ripe_at          INTEGER, -- when a node has to look at it
    closed_at        INTEGER,
    identifier_kind  TEXT,
    identifier_value TEXT,
    body             TEXT NOT NULL, -- JSON
    revision         INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX callbacks_of_source ON callbacks (source, external_id) WHERE external_id <> '';
CREATE UNIQUE INDEX open_callbacks_of_phone ON callbacks (phone, matter) WHERE closed = 0;
CREATE INDEX ripe_callbacks ON callbacks (ripe_at) WHERE ripe_at IS NOT NULL;
CREATE INDEX callbacks_by_time ON callbacks (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX callbacks_of_customer ON callbacks (customer_id) WHERE customer_id IS NOT NULL;
