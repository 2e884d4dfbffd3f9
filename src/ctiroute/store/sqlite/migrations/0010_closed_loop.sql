-- What other systems are told, and what calls did for touches and interactions. Times are microseconds, maps and lists JSON.

-- The outbox: each announcement once for each webhook that wants it. What was told is kept for a while, so that it is not told again.
CREATE TABLE webhook_deliveries (
    delivery_id INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of telling
    webhook     TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    kind        TEXT NOT NULL,
    key         TEXT NOT NULL,
    at          INTEGER NOT NULL,
    body        BLOB NOT NULL, -- JSON as it is sent
    about       TEXT NOT NULL, -- JSON array: ids of records in it
    state       TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    due_at      INTEGER NOT NULL, -- 0: at once
    ended_at    INTEGER,
    status      INTEGER,
    error       TEXT NOT NULL,
    UNIQUE (webhook, event_id)
) STRICT;

CREATE INDEX deliveries_by_key ON webhook_deliveries (webhook, key, delivery_id) WHERE state = 'waiting';
CREATE INDEX deliveries_by_due ON webhook_deliveries (webhook, due_at, delivery_id) WHERE state = 'waiting';
CREATE INDEX deliveries_left ON webhook_deliveries (webhook, state, at) WHERE state <> 'delivered';
CREATE INDEX deliveries_by_end ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- How calls ended, by the touch and the interaction they were about. Reports are made of it.
CREATE TABLE attributions (
    call_id        TEXT PRIMARY KEY,
    attributed_by  TEXT NOT NULL,
    received_at    INTEGER NOT NULL,
    ended_at       INTEGER NOT NULL,
    revision       INTEGER NOT NULL,
    touch_id       TEXT,
    interaction_id TEXT,
    campaign       TEXT,
    touched_at     INTEGER,
    customer_id    TEXT,
    answered_at    INTEGER,
    outcome        TEXT,
    queue          TEXT,
    operator_id    TEXT,
    code           TEXT NOT NULL,
    skipped_menu   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX attributions_by_campaign ON attributions (campaign, touched_at) WHERE campaign IS NOT NULL;
CREATE INDEX attributions_by_time ON attributions (received_at);

-- Calls to attribute: those that ended, and those of which something was learnt afterwards. Noted by the same transaction, so that none is
-- forgotten whatever happens to the process.
CREATE TABLE attribution_work (
    call_id TEXT PRIMARY KEY,
    due_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX attribution_work_by_due ON attribution_work (due_at);

CREATE TRIGGER attribute_ended_call AFTER INSERT ON calls WHEN NEW.ended_at IS NOT NULL BEGIN
    INSERT INTO attribution_work (call_id, due_at) VALUES (NEW.call_id, NEW.ended_at) ON CONFLICT DO UPDATE SET due_at = excluded.due_at;
END;

CREATE TRIGGER attribute_changed_call AFTER UPDATE ON calls WHEN NEW.ended_at IS NOT NULL AND (
    OLD.ended_at IS NULL OR OLD.outcome IS NOT NEW.outcome OR OLD.operator_id IS NOT NEW.operator_id
    OR (OLD.customer_id IS NOT NEW.customer_id AND NEW.customer_id IS NOT NULL)
) BEGIN
    INSERT INTO attribution_work (call_id, due_at) VALUES (NEW.call_id, NEW.ended_at) ON CONFLICT DO UPDATE SET due_at = excluded.due_at;
END;

CREATE TRIGGER attribute_noted_call AFTER INSERT ON wrap_ups BEGIN
    INSERT INTO attribution_work (call_id, due_at) VALUES (NEW.call_id, NEW.noted_at) ON CONFLICT DO UPDATE SET due_at = excluded.due_at;
END;

CREATE TRIGGER attribute_noted_again AFTER UPDATE ON wrap_ups WHEN OLD.noted_at <> NEW.noted_at BEGIN
    INSERT INTO attribution_work (call_id, due_at) VALUES (NEW.call_id, NEW.noted_at) ON CONFLICT DO UPDATE SET due_at = excluded.due_at;
END;
