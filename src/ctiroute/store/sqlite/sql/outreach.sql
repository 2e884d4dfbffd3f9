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
INSERT INTO touches (touch_id, sent_at, campaign, medium, status, delivered_at, customer_id, title, text, terms, fields, identifier_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT identifier_id FROM identifiers WHERE kind = ? AND value = ?))
ON CONFLICT (touch_id) DO NOTHING

-- name: put_touch
-- A touch, replaced when known.
INSERT INTO touches (touch_id, sent_at, campaign, medium, status, delivered_at, customer_id, title, text, terms, fields, identifier_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT identifier_id FROM identifiers WHERE kind = ? AND value = ?))
ON CONFLICT (touch_id) DO UPDATE SET
    sent_at = excluded.sent_at, campaign = excluded.campaign, medium = excluded.medium, status = excluded.status,
    delivered_at = excluded.delivered_at, customer_id = excluded.customer_id, title = excluded.title, text = excluded.text,
    terms = excluded.terms, fields = excluded.fields, identifier_id = excluded.identifier_id

-- name: put_interaction
-- An interaction with its events, replaced when known.
INSERT INTO interactions (interaction_id, customer_id, closed, updated_at, medium, topic, title, status, opened_at, owner, outcome, form,
    events, identifier_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT identifier_id FROM identifiers WHERE kind = ? AND value = ?))
ON CONFLICT (interaction_id) DO UPDATE SET
    customer_id = excluded.customer_id, identifier_id = excluded.identifier_id, closed = excluded.closed,
    updated_at = excluded.updated_at, medium = excluded.medium, topic = excluded.topic, title = excluded.title,
    status = excluded.status, opened_at = excluded.opened_at, owner = excluded.owner, outcome = excluded.outcome, form = excluded.form,
    events = excluded.events
