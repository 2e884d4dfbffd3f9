-- The rules as they came into use, with their files, so that anybody can see who changed what, and go back.
CREATE TABLE rules_versions (
    use_id  TEXT PRIMARY KEY, -- time in microseconds, 20 digits, and version: in the order of time
    version TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    who     TEXT NOT NULL,
    how     TEXT NOT NULL,
    node    TEXT NOT NULL,
    files   BLOB NOT NULL -- JSON of name -> text, packed
) STRICT;

CREATE INDEX rules_versions_by_version ON rules_versions (version, use_id);

-- Which rules each node uses. A row is kept while its node says so.
CREATE TABLE rules_nodes (
    node    TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    since   INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;
