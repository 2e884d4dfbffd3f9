-- What became of proposals that operators made.

-- name: put_proposal_fate
-- What became of one proposal; the latest stays.
INSERT INTO proposal_fates AS old (subject, proposal, fate, at, operator_id, call_id) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (subject, proposal) DO UPDATE SET
    fate = excluded.fate, at = excluded.at, operator_id = excluded.operator_id, call_id = excluded.call_id
WHERE excluded.at >= old.at

-- name: proposal_fates
-- What became of all proposals to these, the latest first. OFFSET: by the primary key for each, as in `keys_of_calls`, whatever the order.
SELECT f.subject, f.proposal, f.fate, f.at, f.operator_id, f.call_id
FROM (SELECT DISTINCT unnest($1::text[]) COLLATE "C") AS asked (subject)
    CROSS JOIN LATERAL (SELECT * FROM proposal_fates WHERE proposal_fates.subject = asked.subject OFFSET 0) f
ORDER BY f.at DESC

-- name: erase_proposal_fates
-- Forget what was proposed to somebody.
DELETE FROM proposal_fates WHERE subject = ANY ($1::text[])

-- name: purge_proposals
-- Remove some of the fates noted before a time.
WITH old AS (SELECT subject, proposal FROM proposal_fates WHERE at < $1 LIMIT $2), gone AS (
    DELETE FROM proposal_fates p USING old WHERE p.subject = old.subject AND p.proposal = old.proposal RETURNING 1
)
SELECT count(*) FROM gone

-- name: export_proposal_fates
-- What became of proposals; their key is of two parts.
SELECT subject, proposal, fate, at, operator_id, call_id FROM proposal_fates
WHERE (subject, proposal) >= ($1, $2) ORDER BY subject, proposal LIMIT $3

-- name: count_all_proposal_fates
-- How many.
SELECT count(*) FROM proposal_fates
