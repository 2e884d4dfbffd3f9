-- oldest: 1
-- What other systems are told, and what calls did for touches and interactions. Times are microseconds, maps and lists JSON.

-- The outbox: each announcement once for each webhook that wants it. What was told is kept for a while, so that it is not told again.
CREATE TABLE webhook_deliveries (
    delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order of telling
    webhook     text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    kind        text NOT NULL,
    key         text COLLATE "C" NOT NULL,
    at          bigint NOT NULL,
    body        bytea NOT NULL, -- JSON as it is sent
    about       text NOT NULL, -- JSON array: ids of records in it
    state       text NOT NULL,
    attempts    integer NOT NULL,
    due_at      bigint NOT NULL, -- 0: at once
    ended_at    bigint,
    status      integer,
    error       text NOT NULL,
    UNIQUE (webhook, event_id)
);

CREATE INDEX deliveries_by_key ON webhook_deliveries (webhook, key, delivery_id) WHERE state = 'waiting';
CREATE INDEX deliveries_by_due ON webhook_deliveries (webhook, due_at, delivery_id) WHERE state = 'waiting';
CREATE INDEX deliveries_left ON webhook_deliveries (webhook, state, at) WHERE state <> 'delivered';
CREATE INDEX deliveries_by_end ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- How calls ended, by the touch and the interaction they were about. Reports are made of it.
CREATE TABLE attributions (
    call_id        text COLLATE "C" PRIMARY KEY,
    attributed_by  text NOT NULL,
    received_at    bigint NOT NULL,
    ended_at       bigint NOT NULL,
    revision       integer NOT NULL,
    touch_id       text COLLATE "C",
    interaction_id text COLLATE "C",
    campaign       text COLLATE "C",
    touched_at     bigint,
    customer_id    text COLLATE "C",
    answered_at    bigint,
    outcome        text,
    queue          text,
    operator_id    text,
    code           text NOT NULL,
    skipped_menu   boolean NOT NULL
);

CREATE INDEX attributions_by_campaign ON attributions (campaign, touched_at) WHERE campaign IS NOT NULL;
CREATE INDEX attributions_by_time ON attributions (received_at);

-- Calls to attribute: those that ended, and those of which something was learnt afterwards. Noted by the same transaction, so that none is
-- forgotten whatever happens to the process.
CREATE TABLE attribution_work (
    call_id text COLLATE "C" PRIMARY KEY,
    due_at  bigint NOT NULL
);

CREATE INDEX attribution_work_by_due ON attribution_work (due_at);

CREATE FUNCTION note_ended_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO attribution_work (call_id, due_at) VALUES (NEW.call_id, extract(epoch FROM NEW.ended_at) * 1000000)
    ON CONFLICT (call_id) DO UPDATE SET due_at = excluded.due_at;
    RETURN NULL;
END $$;

CREATE FUNCTION note_noted_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO attribution_work (call_id, due_at) VALUES (NEW.call_id, extract(epoch FROM NEW.noted_at) * 1000000)
    ON CONFLICT (call_id) DO UPDATE SET due_at = excluded.due_at;
    RETURN NULL;
END $$;

CREATE TRIGGER attribute_ended_call AFTER INSERT ON calls
    FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL) EXECUTE FUNCTION note_ended_call();
CREATE TRIGGER attribute_changed_call AFTER UPDATE ON calls
    FOR EACH ROW WHEN (
        NEW.ended_at IS NOT NULL AND (
            OLD.ended_at IS NULL OR OLD.outcome IS DISTINCT FROM NEW.outcome OR OLD.operator_id IS DISTINCT FROM NEW.operator_id
            OR (OLD.customer_id IS DISTINCT FROM NEW.customer_id AND NEW.customer_id IS NOT NULL)
        )
    ) EXECUTE FUNCTION note_ended_call();
CREATE TRIGGER attribute_noted_call AFTER INSERT ON wrap_ups FOR EACH ROW EXECUTE FUNCTION note_noted_call();
CREATE TRIGGER attribute_noted_again AFTER UPDATE ON wrap_ups
    FOR EACH ROW WHEN (OLD.noted_at <> NEW.noted_at) EXECUTE FUNCTION note_noted_call();
