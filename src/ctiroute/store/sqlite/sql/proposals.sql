-- What became of proposals that operators made.

-- name: put_proposal_fate
-- What became of one proposal; the latest stays.
INSERT INTO proposal_fates (subject, proposal, fate, at, operator_id, call_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (subject, proposal) DO UPDATE SET
    fate = excluded.fate, at = excluded.at, operator_id = excluded.operator_id, call_id = excluded.call_id
WHERE excluded.at >= proposal_fates.at

-- name: proposal_fates
-- What became of all proposals to somebody.
SELECT subject, proposal, fate, at, operator_id, call_id FROM proposal_fates WHERE subject = ?1 ORDER BY at DESC

-- name: erase_proposal_fates
-- Forget what was proposed to somebody.
DELETE FROM proposal_fates WHERE subject = ?1

-- name: purge_proposals
-- Remove some of the fates noted before a time.
DELETE FROM proposal_fates WHERE (subject, proposal) IN (SELECT subject, proposal FROM proposal_fates WHERE at < ?1 LIMIT ?2)

-- name: count_proposals
-- Fates noted before a time.
SELECT count(*) FROM proposal_fates WHERE at < ?1

-- name: export_proposal_fates
-- What became of proposals; their key is of two parts.
SELECT subject, proposal, fate, at, operator_id, call_id FROM proposal_fates
WHERE (subject, proposal) >= (?1, ?2) ORDER BY subject, proposal LIMIT ?3

-- name: count_all_proposal_fates
-- How many.
SELECT count(*) FROM proposal_fates
