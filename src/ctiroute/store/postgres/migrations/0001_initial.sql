-- oldest: 1
-- The first schema. Enumerations are their text values (in touches, of which there are most, their numbers, see `rows.py`). Maps
-- (attributes, offer fields, forms) are JSON objects of text, as `json`: the order of their keys is the admin's.
--
-- An identifier is one bigint everywhere: a phone in E.164 is its own number, so that a touch to a phone needs no other table; any
-- other key (an e-mail, a visitor, a text in a phone's place) has a negative number from `identifiers`.
-- Text keys are COLLATE "C": compared byte by byte, five times as quick, and their indices outlive an upgrade of the C library.

CREATE SEQUENCE identifier_keys;

CREATE TABLE identifiers (
    identifier_key bigint PRIMARY KEY DEFAULT -nextval('identifier_keys'),
    kind           text COLLATE "C" NOT NULL,
    value          text COLLATE "C" NOT NULL,
    UNIQUE (kind, value)
);

CREATE TABLE customers (
    customer_id text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL,
    language    text,
    attributes  json NOT NULL,
    keys        bigint[] NOT NULL, -- his identifiers in order, the primary one first
    others      json NOT NULL      -- [[kind, value], ...]: what the negative keys among them stand for, in the same order
);

CREATE TABLE customer_identifiers ( -- the other way round: who has a key
    identifier_key bigint NOT NULL,
    customer_id    text COLLATE "C" NOT NULL,
    PRIMARY KEY (identifier_key, customer_id)
);

CREATE TABLE campaigns (
    campaign_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text COLLATE "C" NOT NULL UNIQUE,
    title       text NOT NULL,
    medium      text NOT NULL
);

-- One partition a month, made ahead (see `partitions.py`); a touch of a month that has none is in touches_other.
-- A unique index of a partitioned table has to hold the time as well; that a touch_id is there once is seen to in `writing.py`.
CREATE TABLE touches (
    identifier_key bigint NOT NULL,
    sent_at        timestamptz NOT NULL,
    delivered_at   timestamptz,
    read_at        timestamptz,
    clicked_at     timestamptz,
    campaign_id    integer NOT NULL,
    medium         smallint NOT NULL,
    status         smallint NOT NULL, -- the farther a touch got, the greater
    touch_id       text COLLATE "C" NOT NULL,
    customer_id    text COLLATE "C", -- as the source said; may name nobody we know
    title          text NOT NULL,
    text           text NOT NULL,
    terms          text NOT NULL,
    fields         json NOT NULL,
    UNIQUE (touch_id, sent_at)
) PARTITION BY RANGE (sent_at);

CREATE INDEX touches_by_identifier ON touches (identifier_key, sent_at DESC);

CREATE TABLE touches_other PARTITION OF touches DEFAULT;

CREATE TABLE interactions (
    interaction_id   text COLLATE "C" PRIMARY KEY,
    customer_id      text COLLATE "C", -- may come before the customer does
    identifier_key   bigint,
    identifier_kind  text,    -- null for a phone that is its own key
    identifier_value text,
    closed           boolean NOT NULL, -- first in the indices, because open ones come first
    opened_at        timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    medium           text NOT NULL,
    status           text NOT NULL,
    topic            text NOT NULL,
    title            text NOT NULL,
    owner            text,
    outcome          text NOT NULL,
    form             json NOT NULL,
    events           json NOT NULL -- [[microseconds since 1970, kind, text], ...], newest first
);

CREATE INDEX interactions_by_customer ON interactions (customer_id, closed, updated_at DESC) WHERE customer_id IS NOT NULL;
CREATE INDEX interactions_by_identifier ON interactions (identifier_key, closed, updated_at DESC) WHERE customer_id IS NULL;

CREATE TABLE calls (
    call_id        text COLLATE "C" PRIMARY KEY,
    pbx            text NOT NULL,
    caller_key     bigint,
    received_at    timestamptz,
    answered_at    timestamptz,
    ended_at       timestamptz,
    caller_raw     text,
    dialed         text,
    status         text,
    rule           text,
    queue          text,
    customer_id    text COLLATE "C",
    touch_id       text COLLATE "C",
    interaction_id text COLLATE "C",
    operator_id    text COLLATE "C",
    decision_ms    double precision,
    outcome        text,
    snapshot       bytea
);

CREATE INDEX calls_by_caller ON calls (caller_key, received_at DESC) WHERE caller_key IS NOT NULL;

CREATE TABLE missed_calls (
    pop_id        text COLLATE "C" PRIMARY KEY,
    operator_id   text COLLATE "C" NOT NULL,
    call_id       text COLLATE "C" NOT NULL,
    caller_number text NOT NULL,
    caller_name   text NOT NULL,
    headline      text NOT NULL,
    offered_at    timestamptz NOT NULL,
    rang_s        double precision NOT NULL
);

CREATE INDEX missed_calls_by_operator ON missed_calls (operator_id, offered_at DESC);

CREATE TABLE wrap_ups (
    call_id     text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    note        text NOT NULL,
    code        text NOT NULL,
    noted_at    timestamptz NOT NULL,
    PRIMARY KEY (call_id, operator_id)
);

CREATE TABLE operators (
    operator_id   text COLLATE "C" PRIMARY KEY,
    name          text NOT NULL,
    interfaces    json NOT NULL, -- array of text
    extension     text,
    member_name   text,
    language      text NOT NULL,
    role          text NOT NULL,
    team          text NOT NULL,
    password_hash text
);

CREATE TABLE sessions (
    token_hash  bytea PRIMARY KEY,
    operator_id text COLLATE "C" NOT NULL REFERENCES operators (operator_id) ON DELETE CASCADE,
    expires_at  timestamptz NOT NULL
);

CREATE INDEX sessions_by_operator ON sessions (operator_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Keys of the company's other programs.
CREATE TABLE api_keys (
    key_id       text COLLATE "C" PRIMARY KEY,
    name         text NOT NULL,
    scopes       json NOT NULL, -- array of text
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    secret_hash  bytea NOT NULL -- SHA-256
);

-- One row that `check` writes, to learn whether writing works.
CREATE TABLE heartbeat (
    only_row smallint PRIMARY KEY CHECK (only_row = 1),
    beats    bigint NOT NULL
);

-- Identifiers of whom something may have changed, for a copy kept elsewhere: see `outbox.py`. A row holds some of one write's.
CREATE TABLE outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    marked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    keys      bigint[] NOT NULL
);

-- When somebody last followed the outbox. While nobody does, nothing is written to it.
CREATE TABLE outbox_reader (
    only_row smallint PRIMARY KEY CHECK (only_row = 1),
    seen_at  timestamptz NOT NULL
);

-- Make the partition of the month that a time is in (UTC), when there is none; true when one was made. Rows of that month which came
-- before it move out of touches_other. Made beside the table and then attached: readers of the other partitions never wait.
CREATE FUNCTION make_touches_partition(at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    starts timestamp := date_trunc('month', at AT TIME ZONE 'UTC');
    ends timestamp := starts + interval '1 month';
    name text := 'touches_' || to_char(starts, 'YYYY_MM');
BEGIN
    -- Not to_regclass: it may remember that there was none before we waited for the lock.
    IF EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'touches'::regclass AND c.relname = name) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE touches INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format(
        'WITH moved AS (DELETE FROM touches_other WHERE sent_at >= %2$L AND sent_at < %3$L RETURNING *) INSERT INTO %1$I SELECT * FROM moved',
        name, starts AT TIME ZONE 'UTC', ends AT TIME ZONE 'UTC'
    );
    EXECUTE format(
        'ALTER TABLE touches ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        name, starts AT TIME ZONE 'UTC', ends AT TIME ZONE 'UTC'
    );
    RETURN true;
END $$;
