-- Writing what calls are looked up in: identifiers, customers, campaigns, touches, interactions.

-- name: add_identifier
-- Make an identifier known; it keeps its number for good.
INSERT INTO identifiers (kind, value) VALUES (?, ?) ON CONFLICT DO NOTHING

-- name: add_customer
-- A customer we may not know yet; one we know is left to `put_customer`.
INSERT INTO customers (customer_id, name, language, attributes) VALUES (?, ?, ?, ?) ON CONFLICT (customer_id) DO NOTHING

-- name: put_customer
-- A customer, replaced when known.
INSERT INTO customers (customer_id, name, language, attributes) VALUES (?, ?, ?, ?)
ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name, language = excluded.language, attributes = excluded.attributes

-- name: drop_customer_identifiers
-- Forget which identifiers a customer has.
DELETE FROM customer_identifiers WHERE customer_id = ?

-- name: put_customer_identifier
-- One identifier of a customer; the second mention of the same one is left out.
INSERT INTO customer_identifiers (customer_id, position, identifier_id)
VALUES (?, ?, (SELECT identifier_id FROM identifiers WHERE kind = ? AND value = ?))
ON CONFLICT (identifier_id, customer_id) DO NOTHING

-- name: put_campaign
-- A campaign, replaced when known.
INSERT INTO campaigns (key, title, medium) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET title = excluded.title, medium = excluded.medium

-- name: add_campaign
-- A campaign that is known only from its touches.
INSERT INTO campaigns (key, title, medium) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING

-- name: add_touch
-- A touch we may not know yet; the count of changed rows is the number of new ones.
INSERT INTO touches (touch_id, identifier_id, campaign, medium, sent_at, status, delivered_at, read_at, clicked_at, customer_id,
    title, text, terms, fields)
VALUES (?, (SELECT identifier_id FROM identifiers WHERE kind = ? AND value = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (touch_id) DO NOTHING

-- name: put_touch
-- A touch, replaced when known. Its status only goes forward, in the order of the words below; a time that is not given stays.
INSERT INTO touches (touch_id, identifier_id, campaign, medium, sent_at, status, delivered_at, read_at, clicked_at, customer_id,
    title, text, terms, fields)
VALUES (?, (SELECT identifier_id FROM identifiers WHERE kind = ? AND value = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (touch_id) DO UPDATE SET
    identifier_id = excluded.identifier_id, campaign = excluded.campaign, medium = excluded.medium, sent_at = excluded.sent_at,
    status = CASE
        WHEN instr('sent failed delivered read clicked answered', excluded.status)
            > instr('sent failed delivered read clicked answered', status)
        THEN excluded.status ELSE status END,
    delivered_at = COALESCE(excluded.delivered_at, delivered_at),
    read_at = COALESCE(excluded.read_at, read_at),
    clicked_at = COALESCE(excluded.clicked_at, clicked_at),
    customer_id = excluded.customer_id, title = excluded.title, text = excluded.text, terms = excluded.terms, fields = excluded.fields

-- name: add_receipt
-- How far a touch got. Of two times for the same the earlier stays.
UPDATE touches SET
    status = CASE
        WHEN instr('sent failed delivered read clicked answered', ?2) > instr('sent failed delivered read clicked answered', status)
        THEN ?2 ELSE status END,
    delivered_at = CASE ?2 WHEN 'delivered' THEN MIN(?3, COALESCE(delivered_at, ?3)) ELSE delivered_at END,
    read_at = CASE ?2 WHEN 'read' THEN MIN(?3, COALESCE(read_at, ?3)) ELSE read_at END,
    clicked_at = CASE ?2 WHEN 'clicked' THEN MIN(?3, COALESCE(clicked_at, ?3)) ELSE clicked_at END
WHERE touch_id = ?1

-- name: put_interaction
-- An interaction with its events, replaced when known. Its revision never goes back: who edits an older one is told.
INSERT INTO interactions (interaction_id, customer_id, closed, updated_at, medium, topic, title, status, opened_at, owner, outcome, form,
    events, source, external_id, revision, flags, clocks, identifier_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT identifier_id FROM identifiers WHERE kind = ? AND value = ?))
ON CONFLICT (interaction_id) DO UPDATE SET
    customer_id = excluded.customer_id, identifier_id = excluded.identifier_id, closed = excluded.closed,
    updated_at = excluded.updated_at, medium = excluded.medium, topic = excluded.topic, title = excluded.title,
    status = excluded.status, opened_at = excluded.opened_at, owner = excluded.owner, outcome = excluded.outcome, form = excluded.form,
    events = excluded.events, source = excluded.source, external_id = excluded.external_id, flags = excluded.flags, clocks = excluded.clocks,
    revision = MAX(excluded.revision, revision)
