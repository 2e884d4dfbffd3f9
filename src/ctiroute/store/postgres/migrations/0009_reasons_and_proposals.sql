-- oldest: 1
-- What operators found the reason of a call to be. Its pattern names campaigns and ages, nothing of the person.
CREATE TABLE confirmed_reasons (
    call_id     text COLLATE "C" PRIMARY KEY,
    operator_id text COLLATE "C" NOT NULL,
    noted_at    timestamptz NOT NULL,
    kind        text NOT NULL,
    about_id    text COLLATE "C" NOT NULL, -- touch_id or interaction_id; '' for neither, or when the person was erased
    pattern     text COLLATE "C" NOT NULL,
    choice      integer NOT NULL, -- its place in the pattern; -1: none of those
    period      text COLLATE "C" NOT NULL,
    counted     integer -- the choice as it has been learnt from
);

CREATE INDEX confirmed_reasons_to_count ON confirmed_reasons (noted_at) WHERE counted IS DISTINCT FROM choice;
CREATE INDEX confirmed_reasons_by_time ON confirmed_reasons (noted_at);

-- The numbers that response curves are learnt from, by week; of nobody in particular.
CREATE TABLE reason_tallies (
    period text COLLATE "C" NOT NULL, -- the Monday of a week; '' for how far learning got
    what   text COLLATE "C" NOT NULL,
    amount double precision NOT NULL,
    PRIMARY KEY (period, what)
);

-- What became of proposals that operators made: one row for each person and proposal, the latest.
CREATE TABLE proposal_fates (
    subject     text COLLATE "C" NOT NULL, -- "customer:<customer_id>", or "phone:<number>" where nobody is known by it
    proposal    text COLLATE "C" NOT NULL, -- its key in the catalogue
    fate        text NOT NULL, -- offered | accepted | refused
    at          timestamptz NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    call_id     text COLLATE "C" NOT NULL,
    PRIMARY KEY (subject, proposal)
);

CREATE INDEX proposal_fates_by_time ON proposal_fates (at);
