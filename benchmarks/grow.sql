-- Touches number $1 to number $2, over thirty days; every fifth phone is a customer's, every tenth has applied for something.
-- The first phone is $3. One statement after the other, each ended by an empty line.

INSERT INTO touches (identifier_key, sent_at, campaign_id, medium, status, touch_id, customer_id, title, text, terms, fields)
SELECT $3::bigint + n, now() - (n % 43000) * interval '1 minute', (SELECT campaign_id FROM campaigns WHERE key = 'autumn-sms'), 2, 2,
    't' || n, CASE WHEN n % 5 = 0 THEN 'c' || n END, 'Autumn instalments', 'Pay in 24 parts', '0 %, 24 months', '{}'
FROM generate_series($1::bigint, $2::bigint) n

INSERT INTO customers (customer_id, name, language, attributes, keys, others)
SELECT 'c' || n, 'Customer ' || n, 'uk', '{"segment":"mass"}', ARRAY[$3::bigint + n], '[]'
FROM generate_series($1::bigint, $2::bigint, 5) n

INSERT INTO customer_identifiers
SELECT $3::bigint + n, 'c' || n FROM generate_series($1::bigint, $2::bigint, 5) n

INSERT INTO interactions (interaction_id, customer_id, identifier_key, closed, opened_at, updated_at, medium, status, topic, title,
    outcome, form, events)
SELECT 'i' || n, 'c' || n, $3::bigint + n, false, now(), now(), 'web', 'open', 'credit', 'Application', '', '{"amount":"24000"}', '[]'
FROM generate_series($1::bigint, $2::bigint, 10) n
