-- oldest: 1
-- What is old is found by its time, what nothing refers to any more is noted when that happens, and who was erased is told to all nodes.

-- A summary of each stretch of a partition, not an entry for each touch: next to nothing to write, and touches come in the order of time.
CREATE INDEX touches_by_time ON touches USING brin (sent_at);

CREATE INDEX interactions_by_time ON interactions (updated_at) WHERE closed;
CREATE INDEX missed_calls_by_time ON missed_calls (offered_at);
CREATE INDEX wrap_ups_by_time ON wrap_ups (noted_at);

-- A call we only heard the end of has no time of arrival.
CREATE INDEX calls_by_time ON calls (COALESCE(received_at, answered_at, ended_at, 'epoch'));
CREATE INDEX calls_with_snapshot ON calls (COALESCE(received_at, answered_at, ended_at, 'epoch')) WHERE snapshot IS NOT NULL;

-- Identifiers that have lost a reference and may have none left: those with a number of their own, for a phone is its own. One may be there
-- several times: a unique index would have writers wait for each other.
CREATE TABLE loose_identifiers (
    identifier_key bigint NOT NULL
);

CREATE FUNCTION note_loose_identifier() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO loose_identifiers (identifier_key) VALUES (OLD.identifier_key);
    RETURN NULL;
END $$;

CREATE FUNCTION note_loose_caller() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO loose_identifiers (identifier_key) VALUES (OLD.caller_key);
    RETURN NULL;
END $$;

CREATE TRIGGER loose_by_touch AFTER DELETE ON touches
    FOR EACH ROW WHEN (OLD.identifier_key < 0) EXECUTE FUNCTION note_loose_identifier();
CREATE TRIGGER loose_by_customer AFTER DELETE ON customer_identifiers
    FOR EACH ROW WHEN (OLD.identifier_key < 0) EXECUTE FUNCTION note_loose_identifier();
CREATE TRIGGER loose_by_interaction AFTER DELETE ON interactions
    FOR EACH ROW WHEN (OLD.identifier_key < 0) EXECUTE FUNCTION note_loose_identifier();
CREATE TRIGGER loose_by_changed_interaction AFTER UPDATE OF identifier_key ON interactions
    FOR EACH ROW WHEN (OLD.identifier_key < 0 AND OLD.identifier_key IS DISTINCT FROM NEW.identifier_key)
    EXECUTE FUNCTION note_loose_identifier();
CREATE TRIGGER loose_by_call AFTER DELETE ON calls
    FOR EACH ROW WHEN (OLD.caller_key < 0) EXECUTE FUNCTION note_loose_caller();
CREATE TRIGGER loose_by_changed_call AFTER UPDATE OF caller_key ON calls
    FOR EACH ROW WHEN (OLD.caller_key < 0 AND OLD.caller_key IS DISTINCT FROM NEW.caller_key) EXECUTE FUNCTION note_loose_caller();

-- Who was erased lately, so that running nodes forget them as well. Short-lived: a row names the very person.
CREATE TABLE erasures (
    erasure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    erased_at  timestamptz NOT NULL,
    marker     text NOT NULL -- JSON: identifiers, customers, calls
);

CREATE INDEX erasures_by_time ON erasures (erased_at);

-- Drop the partition of the month that a time is in (UTC) with all its touches; return about how many there were, 0 without a partition.
-- Nobody can read touches while it waits for the last who does, so whoever calls this sets a short lock_timeout.
CREATE FUNCTION drop_touches_partition(at timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    name text := 'touches_' || to_char(date_trunc('month', at AT TIME ZONE 'UTC'), 'YYYY_MM');
    touches_there bigint;
BEGIN
    IF to_regclass(quote_ident(name)) IS NULL THEN
        RETURN 0;
    END IF;
    SELECT reltuples INTO touches_there FROM pg_class WHERE oid = to_regclass(quote_ident(name));
    IF touches_there < 1000000 THEN
        EXECUTE format('SELECT count(*) FROM %I', name) INTO touches_there;
    END IF;
    EXECUTE format('INSERT INTO loose_identifiers SELECT DISTINCT identifier_key FROM %I WHERE identifier_key < 0', name);
    EXECUTE format('DROP TABLE %I', name);
    RETURN touches_there;
END $$;
