-- The first schema. Times are integer microseconds since 1970-01-01 UTC. Enumerations are stored as their text values.
-- Maps (attributes, offer fields, forms) are JSON objects of text.

-- Every key anybody was ever reached by or known under. Tables refer to the integer, so that the index every call goes
-- through holds two integers a row, and a caller we never heard of costs one probe.
CREATE TABLE identifiers (
    identifier_id INTEGER PRIMARY KEY,
    kind          TEXT NOT NULL,
    value         TEXT NOT NULL,
    UNIQUE (kind, value)
) STRICT;

CREATE TABLE customers (
    customer_id TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    language    TEXT,
    attributes  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE customer_identifiers (
    customer_id   TEXT NOT NULL REFERENCES customers (customer_id) ON DELETE CASCADE,
    position      INTEGER NOT NULL, -- 0: the primary one
    identifier_id INTEGER NOT NULL REFERENCES identifiers (identifier_id),
    PRIMARY KEY (customer_id, position)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX customer_identifiers_by_identifier ON customer_identifiers (identifier_id, customer_id);

CREATE TABLE campaigns (
    key    TEXT PRIMARY KEY,
    title  TEXT NOT NULL,
    medium TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE touches (
    touch_id      TEXT NOT NULL UNIQUE,
    identifier_id INTEGER NOT NULL REFERENCES identifiers (identifier_id),
    sent_at       INTEGER NOT NULL,
    campaign      TEXT NOT NULL REFERENCES campaigns (key),
    medium        TEXT NOT NULL,
    status        TEXT NOT NULL,
    delivered_at  INTEGER,
    customer_id   TEXT, -- as the source said; may name nobody we know
    title         TEXT NOT NULL,
    text          TEXT NOT NULL,
    terms         TEXT NOT NULL,
    fields        TEXT NOT NULL
) STRICT;

CREATE INDEX touches_by_identifier ON touches (identifier_id, sent_at DESC);

CREATE TABLE interactions (
    interaction_key INTEGER PRIMARY KEY,
    interaction_id  TEXT NOT NULL UNIQUE,
    customer_id     TEXT, -- may come before the customer does
    identifier_id   INTEGER REFERENCES identifiers (identifier_id),
    closed          INTEGER NOT NULL, -- 1 when status is 'closed'; first in the indices, because open ones come first
    updated_at      INTEGER NOT NULL,
    medium          TEXT NOT NULL,
    topic           TEXT NOT NULL,
    title           TEXT NOT NULL,
    status          TEXT NOT NULL,
    opened_at       INTEGER NOT NULL,
    owner           TEXT,
    outcome         TEXT NOT NULL,
    form            TEXT NOT NULL
) STRICT;

CREATE INDEX interactions_by_customer ON interactions (customer_id, closed, updated_at DESC) WHERE customer_id IS NOT NULL;
CREATE INDEX interactions_by_identifier ON interactions (identifier_id, closed, updated_at DESC) WHERE customer_id IS NULL;

CREATE TABLE interaction_events (
    interaction_key INTEGER NOT NULL REFERENCES interactions (interaction_key) ON DELETE CASCADE,
    position        INTEGER NOT NULL, -- 0: the newest
    at              INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    text            TEXT NOT NULL,
    PRIMARY KEY (interaction_key, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    call_id        TEXT NOT NULL UNIQUE,
    pbx            TEXT NOT NULL,
    caller_phone   TEXT,
    caller_raw     TEXT,
    dialed         TEXT,
    received_at    INTEGER,
    status         TEXT,
    rule           TEXT,
    queue          TEXT,
    customer_id    TEXT,
    touch_id       TEXT,
    interaction_id TEXT,
    operator_id    TEXT,
    decision_ms    REAL,
    outcome        TEXT,
    answered_at    INTEGER,
    ended_at       INTEGER,
    snapshot       BLOB
) STRICT;

CREATE INDEX calls_by_phone ON calls (caller_phone, received_at DESC) WHERE caller_phone IS NOT NULL;

CREATE TABLE missed_calls (
    pop_id        TEXT PRIMARY KEY,
    operator_id   TEXT NOT NULL,
    call_id       TEXT NOT NULL,
    caller_number TEXT NOT NULL,
    caller_name   TEXT NOT NULL,
    headline      TEXT NOT NULL,
    offered_at    INTEGER NOT NULL,
    rang_s        REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX missed_calls_by_operator ON missed_calls (operator_id, offered_at DESC);

CREATE TABLE wrap_ups (
    call_id     TEXT NOT NULL,
    operator_id TEXT NOT NULL,
    note        TEXT NOT NULL,
    code        TEXT NOT NULL,
    noted_at    INTEGER NOT NULL,
    PRIMARY KEY (call_id, operator_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE operators (
    operator_id   TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    interfaces    TEXT NOT NULL, -- JSON array of text
    extension     TEXT,
    member_name   TEXT,
    language      TEXT NOT NULL,
    role          TEXT NOT NULL,
    team          TEXT NOT NULL,
    password_hash TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token_hash  BLOB PRIMARY KEY,
    operator_id TEXT NOT NULL REFERENCES operators (operator_id) ON DELETE CASCADE,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_operator ON sessions (operator_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- One row that `check` writes, to learn whether writing works.
CREATE TABLE heartbeat (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    beats    INTEGER NOT NULL
) STRICT;
