-- oldest: 1
-- What each run of a node learnt of the rules it asks beside those in use. Holds counts, rule names and masked numbers.
CREATE TABLE shadow_reports (
    run     text COLLATE "C" PRIMARY KEY,
    told_at timestamptz NOT NULL,
    report  bytea NOT NULL -- JSON
);
