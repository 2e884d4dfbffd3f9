-- oldest: 1
-- Promises to ring customers. The order whole is in `body`; beside it stands what statements look for.
CREATE TABLE callbacks (
    callback_id      text COLLATE "C" PRIMARY KEY,
    phone            text NOT NULL,
    matter           text NOT NULL,
    source           text NOT NULL,
    external_id      text NOT NULL,
    customer_id      text,
    place            text NOT NULL,
    closed           boolean NOT NULL,
    live             boolean NOT NULL, -- a node has it in hand
    ripe_at          bigint, -- when a node has to look at it; microseconds
    closed_at        bigint,
    identifier_kind  text,
    identifier_value text,
    body             text NOT NULL, -- JSON
    revision         bigint NOT NULL
);

CREATE UNIQUE INDEX callbacks_of_source ON callbacks (source, external_id) WHERE external_id <> '';
CREATE UNIQUE INDEX open_callbacks_of_phone ON callbacks (phone, matter) WHERE NOT closed;
CREATE INDEX ripe_callbacks ON callbacks (ripe_at) WHERE ripe_at IS NOT NULL;
CREATE INDEX callbacks_by_time ON callbacks (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX callbacks_of_customer ON callbacks (customer_id) WHERE customer_id IS NOT NULL;
