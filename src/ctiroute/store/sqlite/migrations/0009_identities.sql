-- Who is who: what is said for each link, whom a customer is part of, what operators denied, and what was changed by whom.

-- [[source, verified at, seen at, by], ...]; null stands for the company's own file, which says no more.
ALTER TABLE customer_identifiers ADD COLUMN claims TEXT;

ALTER TABLE customers ADD COLUMN merged_into TEXT; -- the customer whom this one is part of, and who is part of nobody
ALTER TABLE customers ADD COLUMN merged TEXT;      -- the other way round: JSON array of ids; null: nobody is part of this one

CREATE INDEX customers_by_merged ON customers (merged_into) WHERE merged_into IS NOT NULL;

-- By the identifier's text: a denial outlives whatever else refers to it, until a source tells it again.
CREATE TABLE denied_links (
    customer_id TEXT NOT NULL REFERENCES customers (customer_id) ON DELETE CASCADE,
    kind        TEXT NOT NULL,
    value       TEXT NOT NULL,
    denied_at   INTEGER NOT NULL,
    denied_by   TEXT NOT NULL,
    PRIMARY KEY (customer_id, kind, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE identity_changes (
    change_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    other_id    TEXT NOT NULL,
    identifiers TEXT NOT NULL, -- JSON: [[kind, value], ...]
    changed_at  INTEGER NOT NULL,
    changed_by  TEXT NOT NULL,
    why         TEXT NOT NULL,
    undone_at   INTEGER,
    undone_by   TEXT NOT NULL,
    plan        TEXT NOT NULL -- JSON: what was changed, and what was there before
) STRICT;

CREATE INDEX identity_changes_by_customer ON identity_changes (customer_id, change_id);
CREATE INDEX identity_changes_by_other ON identity_changes (other_id, change_id);
