-- Quotas, what is counted for them and for statistics, and what of it was shown.
--
-- A count is written in the transaction of what it counts, which writes that code's row too: whoever has a copy of the database learns nothing
-- from one that the other does not tell. Counts of a day are deleted soon after the day was put into steps of ten.

-- How many codes the authority may issue in a UTC day; NULL: as many as it likes. Self-reports may be as many again.
ALTER TABLE authority ADD COLUMN daily_quota INTEGER CHECK (daily_quota >= 0);

CREATE TABLE counter (
    -- How often something happened.
    authority   TEXT    NOT NULL REFERENCES authority (id),
    day         INTEGER NOT NULL,                -- UTC, days since 1970
    kind        TEXT    NOT NULL CHECK (kind IN
        ('issued', 'delivered', 'claimed', 'expired', 'certified', 'user-report-issued', 'user-report-claimed')),
    count       INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (authority, day, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX counter_by_day ON counter (day);

CREATE TABLE statistic (
    -- What is shown of a day: steps of ten, NULL what is withheld. Written once, whatever becomes of the counters.
    authority            TEXT    NOT NULL REFERENCES authority (id),
    day                  INTEGER NOT NULL,       -- UTC, days since 1970
    issued               INTEGER,
    delivered            INTEGER,
    claimed              INTEGER,
    expired              INTEGER,
    certified            INTEGER,
    user_report_issued   INTEGER,
    user_report_claimed  INTEGER,
    PRIMARY KEY (authority, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX statistic_by_day ON statistic (day);
