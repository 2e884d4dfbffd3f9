-- oldest: 1
-- The rules as they came into use, with their files, so that anybody can see who changed what, and go back.
CREATE TABLE rules_versions (
    use_id  text COLLATE "C" PRIMARY KEY, -- time in microseconds, 20 digits, and version: in the order of time
    version text COLLATE "C" NOT NULL,
    used_at timestamptz NOT NULL,
    who     text NOT NULL,
    how     text NOT NULL,
    node    text NOT NULL,
    files   bytea NOT NULL -- JSON of name -> text, packed
);

CREATE INDEX rules_versions_by_version ON rules_versions (version, use_id);

-- Which rules each node uses. A row is kept while its node says so.
CREATE TABLE rules_nodes (
    node    text COLLATE "C" PRIMARY KEY,
    version text NOT NULL,
    since   timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);
