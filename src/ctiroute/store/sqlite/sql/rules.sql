-- The rules as they came into use, and which node uses which.

-- name: put_rules_version
-- Note that rules came into use, unless they are those that came last. ?8: leave them out as well when they ever were.
INSERT INTO rules_versions (use_id, version, used_at, who, how, node, files)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
WHERE ?2 <> COALESCE((SELECT version FROM rules_versions ORDER BY use_id DESC LIMIT 1), '')
    AND NOT (?8 AND EXISTS (SELECT 1 FROM rules_versions WHERE version = ?2))
ON CONFLICT DO NOTHING

-- name: drop_rules_versions
-- Forget all but the latest.
DELETE FROM rules_versions WHERE use_id <= (SELECT use_id FROM rules_versions ORDER BY use_id DESC LIMIT 1 OFFSET ?1)

-- name: get_rules_versions
-- What came into use last, without its files.
SELECT version, used_at, who, how, node FROM rules_versions ORDER BY use_id DESC LIMIT ?1

-- name: get_rules_version
-- The latest use of one version, with its files.
SELECT version, used_at, who, how, node, files FROM rules_versions WHERE version = ?1 ORDER BY use_id DESC LIMIT 1

-- name: put_node_rules
-- Note which rules a node uses.
INSERT INTO rules_nodes (node, version, since, seen_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (node) DO UPDATE SET version = excluded.version, since = excluded.since, seen_at = excluded.seen_at

-- name: drop_node_rules
-- Forget nodes that have not been heard of since a time.
DELETE FROM rules_nodes WHERE seen_at < ?1

-- name: get_node_rules
-- The nodes that were heard of since a time.
SELECT node, version, since, seen_at FROM rules_nodes WHERE seen_at >= ?1 ORDER BY node

-- name: export_rules_versions
-- What came into use, with its files, in the order of time.
SELECT version, used_at, who, how, node, files FROM rules_versions WHERE use_id >= ?1 ORDER BY use_id LIMIT ?2

-- name: count_all_rules_versions
-- How many.
SELECT count(*) FROM rules_versions
