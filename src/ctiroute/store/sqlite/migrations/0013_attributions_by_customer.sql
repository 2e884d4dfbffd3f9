-- Who asks to be forgotten is found among attributions without a scan: the one writer is not held up for it.
CREATE INDEX attributions_by_customer ON attributions (customer_id) WHERE customer_id IS NOT NULL;
