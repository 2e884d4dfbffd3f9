-- Everything off the call path, apart from the outreach.

-- name: put_call
-- Merge a call: a null (or an empty pbx) leaves what is stored. A call is received once, at the earliest time that was told (LEAST takes
-- no note of nulls); that we lost sight of it (outcome unknown) takes back nothing that was known.
INSERT INTO calls (call_id, pbx, caller_key, received_at, answered_at, ended_at, caller_raw, dialed, status, rule, queue, customer_id,
    touch_id, interaction_id, operator_id, decision_ms, outcome, snapshot)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
ON CONFLICT (call_id) DO UPDATE SET
    pbx = COALESCE(NULLIF(excluded.pbx, ''), calls.pbx),
    caller_key = COALESCE(excluded.caller_key, calls.caller_key),
    received_at = LEAST(excluded.received_at, calls.received_at),
    answered_at = COALESCE(excluded.answered_at, calls.answered_at),
    ended_at = COALESCE(excluded.ended_at, calls.ended_at),
    caller_raw = COALESCE(excluded.caller_raw, calls.caller_raw),
    dialed = COALESCE(excluded.dialed, calls.dialed),
    status = COALESCE(excluded.status, calls.status),
    rule = COALESCE(excluded.rule, calls.rule),
    queue = COALESCE(excluded.queue, calls.queue),
    customer_id = COALESCE(excluded.customer_id, calls.customer_id),
    touch_id = COALESCE(excluded.touch_id, calls.touch_id),
    interaction_id = COALESCE(excluded.interaction_id, calls.interaction_id),
    operator_id = COALESCE(excluded.operator_id, calls.operator_id),
    decision_ms = COALESCE(excluded.decision_ms, calls.decision_ms),
    outcome = CASE excluded.outcome
        WHEN 'unknown' THEN COALESCE(calls.outcome, 'unknown') ELSE COALESCE(excluded.outcome, calls.outcome) END,
    snapshot = COALESCE(excluded.snapshot, calls.snapshot)

-- name: keys_of_calls
-- Who made these calls, as far as it is stored. LIMIT: by its primary key for each call. Planned for all at once while there were hardly any
-- calls, it would read all of them, each time.
SELECT DISTINCT c.caller_key
FROM unnest($1::text[]) AS told (call_id)
    CROSS JOIN LATERAL (SELECT caller_key FROM calls WHERE calls.call_id = told.call_id LIMIT 1) c
WHERE c.caller_key IS NOT NULL

-- name: get_call
-- One call by its id, and the text of a phone that is not its own key.
SELECT call_id, pbx, caller_key, received_at, answered_at, ended_at, caller_raw, dialed, status, rule, queue, customer_id, touch_id,
    interaction_id, operator_id, decision_ms, outcome, snapshot, i.value
FROM calls LEFT JOIN identifiers i ON i.identifier_key = calls.caller_key
WHERE call_id = $1

-- name: calls_between
-- The next calls of a stretch of time, in its order. $1: from when on; $2: before when; $3: after which call of the moment $1, null: from
-- its first one on.
SELECT call_id, pbx, caller_key, received_at, answered_at, ended_at, caller_raw, dialed, status, rule, queue, customer_id, touch_id,
    interaction_id, operator_id, decision_ms, outcome, snapshot, i.value
FROM calls LEFT JOIN identifiers i ON i.identifier_key = calls.caller_key
WHERE COALESCE(received_at, answered_at, ended_at, 'epoch') >= $1 AND COALESCE(received_at, answered_at, ended_at, 'epoch') < $2
    AND ($3::text IS NULL OR COALESCE(received_at, answered_at, ended_at, 'epoch') > $1 OR call_id > $3)
ORDER BY COALESCE(received_at, answered_at, ended_at, 'epoch'), call_id
LIMIT $4

-- name: put_shadow_report
-- What one run of a node learnt of the rules beside those in use.
INSERT INTO shadow_reports (run, told_at, report) VALUES ($1, $2, $3)
ON CONFLICT (run) DO UPDATE SET told_at = excluded.told_at, report = excluded.report

-- name: drop_shadow_reports
-- Forget runs that have not been heard of since a time.
DELETE FROM shadow_reports WHERE told_at < $1

-- name: get_shadow_reports
-- What every run told last.
SELECT run, told_at, report FROM shadow_reports ORDER BY told_at DESC, run

-- name: put_missed
-- Keep a missed call; telling it again changes nothing but its words.
INSERT INTO missed_calls (pop_id, operator_id, call_id, caller_number, caller_name, headline, offered_at, rang_s)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (pop_id) DO UPDATE SET
    operator_id = excluded.operator_id, call_id = excluded.call_id, caller_number = excluded.caller_number,
    caller_name = excluded.caller_name, headline = excluded.headline, offered_at = excluded.offered_at, rang_s = excluded.rang_s

-- name: missed_since
-- The missed calls of one operator since a time, newest first.
SELECT pop_id, operator_id, call_id, caller_number, caller_name, headline, offered_at, rang_s FROM missed_calls
WHERE operator_id = $1 AND offered_at >= $2
ORDER BY offered_at DESC
LIMIT $3

-- name: put_wrap_up
-- The note of one operator on one call; a later one takes the place of the earlier.
INSERT INTO wrap_ups (call_id, operator_id, note, code, noted_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (call_id, operator_id) DO UPDATE SET note = excluded.note, code = excluded.code, noted_at = excluded.noted_at

-- name: put_operator
-- An operator; a null password leaves the stored one.
INSERT INTO operators (operator_id, name, interfaces, extension, member_name, language, role, team, password_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (operator_id) DO UPDATE SET
    name = excluded.name, interfaces = excluded.interfaces, extension = excluded.extension, member_name = excluded.member_name,
    language = excluded.language, role = excluded.role, team = excluded.team,
    password_hash = COALESCE(excluded.password_hash, operators.password_hash)

-- name: get_operators
-- All operators.
SELECT operator_id, name, interfaces, extension, member_name, language, role, team FROM operators ORDER BY operator_id

-- name: password_hash
-- The password hash of one operator.
SELECT password_hash FROM operators WHERE operator_id = $1

-- name: put_session
-- A signed-in screen.
INSERT INTO sessions (token_hash, operator_id, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (token_hash) DO UPDATE SET operator_id = excluded.operator_id, expires_at = excluded.expires_at

-- name: purge_sessions
-- Sessions that ended before a time.
DELETE FROM sessions WHERE expires_at < $1

-- name: get_session
-- The operator of a session that has not expired.
SELECT operator_id FROM sessions WHERE token_hash = $1 AND expires_at > $2

-- name: drop_session
-- End one session.
DELETE FROM sessions WHERE token_hash = $1

-- name: drop_sessions_of_operator
-- End all sessions of one operator.
DELETE FROM sessions WHERE operator_id = $1

-- name: put_heartbeat
-- Write something, to learn whether writing works.
INSERT INTO heartbeat (only_row, beats) VALUES (1, 1) ON CONFLICT (only_row) DO UPDATE SET beats = heartbeat.beats + 1

-- name: get_heartbeat
-- Read something, to learn whether reading works.
SELECT beats FROM heartbeat

-- name: put_api_key
-- A new key.
INSERT INTO api_keys (key_id, name, scopes, created_at, expires_at, revoked_at, last_used_at, secret_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: get_api_key
-- One key with the hash of its secret.
SELECT key_id, name, scopes, created_at, expires_at, revoked_at, last_used_at, secret_hash FROM api_keys WHERE key_id = $1

-- name: get_api_keys
-- All keys.
SELECT key_id, name, scopes, created_at, expires_at, revoked_at, last_used_at, secret_hash FROM api_keys ORDER BY key_id

-- name: note_api_key_use
-- When a key was last used.
UPDATE api_keys SET last_used_at = GREATEST($2, last_used_at) WHERE key_id = $1

-- name: revoke_api_key
-- End a key; the first time stays.
UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $2) WHERE key_id = $1 RETURNING key_id
