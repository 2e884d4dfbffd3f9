-- When a touch was read and clicked, and the keys of the company's other programs.
ALTER TABLE touches ADD COLUMN read_at INTEGER;
ALTER TABLE touches ADD COLUMN clicked_at INTEGER;

CREATE TABLE api_keys (
    key_id       TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    scopes       TEXT NOT NULL, -- JSON array of text
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER,
    secret_hash  BLOB NOT NULL -- SHA-256
) STRICT, WITHOUT ROWID;
