-- oldest: 1
-- Who asks to be forgotten is found among attributions without a scan. Not CONCURRENTLY: that has no place in a transaction, and the table
-- is not one calls wait for.
CREATE INDEX attributions_by_customer ON attributions (customer_id) WHERE customer_id IS NOT NULL;
