-- What operators found the reason of a call to be. Its pattern names campaigns and ages, nothing of the person.
CREATE TABLE confirmed_reasons (
    call_id     TEXT PRIMARY KEY,
    operator_id TEXT NOT NULL,
    noted_at    INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    about_id    TEXT NOT NULL, -- touch_id or interaction_id; '' for neither, or when the person was erased
    pattern     TEXT NOT NULL,
    choice      INTEGER NOT NULL, -- its place in the pattern; -1: none of those
    period      TEXT NOT NULL,
    counted     INTEGER -- the choice as it has been learnt from
) STRICT, WITHOUT ROWID;

CREATE INDEX confirmed_reasons_to_count ON confirmed_reasons (noted_at) WHERE counted IS NOT choice;
CREATE INDEX confirmed_reasons_by_time ON confirmed_reasons (noted_at);

-- The numbers that response curves are learnt from, by week; of nobody in particular.
CREATE TABLE reason_tallies (
    period TEXT NOT NULL, -- the Monday of a week; '' for how far learning got
    what   TEXT NOT NULL,
    amount REAL NOT NULL,
    PRIMARY KEY (period, what)
) STRICT, WITHOUT ROWID;

-- What became of proposals that operators made: one row for each person and proposal, the latest.
CREATE TABLE proposal_fates (
    subject     TEXT NOT NULL, -- "customer:<customer_id>", or "phone:<number>" where nobody is known by it
    proposal    TEXT NOT NULL, -- its key in the catalogue
    fate        TEXT NOT NULL, -- offered | accepted | refused
    at          INTEGER NOT NULL,
    operator_id TEXT NOT NULL,
    call_id     TEXT NOT NULL,
    PRIMARY KEY (subject, proposal)
) STRICT, WITHOUT ROWID;

CREATE INDEX proposal_fates_by_time ON proposal_fates (at);
