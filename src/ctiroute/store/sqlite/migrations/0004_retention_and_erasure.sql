-- What is old is found by its time, and what nothing refers to any more is noted when that happens.
CREATE INDEX touches_by_time ON touches (sent_at);
CREATE INDEX interactions_by_time ON interactions (updated_at) WHERE closed = 1;
CREATE INDEX missed_calls_by_time ON missed_calls (offered_at);
CREATE INDEX wrap_ups_by_time ON wrap_ups (noted_at);

-- A call we only heard the end of has no time of arrival.
CREATE INDEX calls_by_time ON calls (COALESCE(received_at, answered_at, ended_at, 0));
CREATE INDEX calls_with_snapshot ON calls (COALESCE(received_at, answered_at, ended_at, 0)) WHERE snapshot IS NOT NULL;

-- Also for the foreign key: without it each identifier removed would cost a scan of all interactions.
CREATE INDEX interactions_of_identifier ON interactions (identifier_id) WHERE identifier_id IS NOT NULL;

-- Identifiers that have lost a reference and may have none left. The purge looks at these, not at all there are.
CREATE TABLE loose_identifiers (
    identifier_id INTEGER PRIMARY KEY
) STRICT;

INSERT INTO loose_identifiers (identifier_id)
SELECT identifier_id FROM identifiers i
WHERE NOT EXISTS (SELECT 1 FROM touches t WHERE t.identifier_id = i.identifier_id)
    AND NOT EXISTS (SELECT 1 FROM customer_identifiers c WHERE c.identifier_id = i.identifier_id)
    AND NOT EXISTS (SELECT 1 FROM interactions x WHERE x.identifier_id = i.identifier_id);

CREATE TRIGGER loose_by_touch AFTER DELETE ON touches BEGIN
    INSERT INTO loose_identifiers (identifier_id) VALUES (OLD.identifier_id) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER loose_by_changed_touch AFTER UPDATE OF identifier_id ON touches WHEN OLD.identifier_id <> NEW.identifier_id BEGIN
    INSERT INTO loose_identifiers (identifier_id) VALUES (OLD.identifier_id) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER loose_by_interaction AFTER DELETE ON interactions WHEN OLD.identifier_id IS NOT NULL BEGIN
    INSERT INTO loose_identifiers (identifier_id) VALUES (OLD.identifier_id) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER loose_by_changed_interaction AFTER UPDATE OF identifier_id ON interactions
WHEN OLD.identifier_id IS NOT NULL AND OLD.identifier_id IS NOT NEW.identifier_id BEGIN
    INSERT INTO loose_identifiers (identifier_id) VALUES (OLD.identifier_id) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER loose_by_customer AFTER DELETE ON customer_identifiers BEGIN
    INSERT INTO loose_identifiers (identifier_id) VALUES (OLD.identifier_id) ON CONFLICT DO NOTHING;
END;

-- Who was erased lately, so that running nodes forget them as well. Short-lived: a row names the very person.
CREATE TABLE erasures (
    erasure_id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice: nodes ask for what came after the last they saw
    erased_at  INTEGER NOT NULL,
    marker     TEXT NOT NULL -- JSON: identifiers, customers, calls
) STRICT;

CREATE INDEX erasures_by_time ON erasures (erased_at);
