-- What each run of a node learnt of the rules it asks beside those in use. Holds counts, rule names and masked numbers.
CREATE TABLE shadow_reports (
    run     TEXT PRIMARY KEY,
    told_at INTEGER NOT NULL,
    report  BLOB NOT NULL -- JSON
) STRICT;
