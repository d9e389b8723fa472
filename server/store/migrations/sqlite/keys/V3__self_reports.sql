-- What people report without a certificate: whom each authority lets, and what keeps them from reporting by the thousand.

-- Who may: `off` nobody, `proof-of-work` who has worked for it, `open` anybody, in small numbers.
ALTER TABLE authority ADD COLUMN self_reports TEXT NOT NULL DEFAULT 'off'
    CONSTRAINT authority_self_reports CHECK (self_reports IN ('off', 'proof-of-work', 'open'));
-- How many an hour where anybody may; NULL elsewhere.
ALTER TABLE authority ADD COLUMN self_reports_per_hour INTEGER
    CONSTRAINT authority_self_reports_per_hour
    CHECK ((self_reports = 'open') = (self_reports_per_hour IS NOT NULL) AND self_reports_per_hour IS NOT 0);
-- How many bytes the memo of a certified report may have: equal memos of more than one show which reports are one person's.
ALTER TABLE authority ADD COLUMN memo_bytes INTEGER NOT NULL DEFAULT 1
    CONSTRAINT authority_memo_bytes CHECK (memo_bytes BETWEEN 0 AND 255);

-- In tcn_fresh and tcn_report, kid is empty where no certificate was shown.

-- Challenges that were used up, until nobody would take them any more.
CREATE TABLE spent_challenge (
    -- Its id.
    id BLOB NOT NULL PRIMARY KEY CONSTRAINT spent_challenge_id CHECK (length(id) = 16),
    -- On which report, as a digest whose key is not in here: the same report again is answered like the first time.
    spent_on BLOB NOT NULL CONSTRAINT spent_challenge_spent_on CHECK (length(spent_on) = 32),
    -- From when on the row may go: a multiple of a quarter of an hour.
    forget_at INTEGER NOT NULL CONSTRAINT spent_challenge_grain CHECK (forget_at % 900 = 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_challenge_forget_at ON spent_challenge (forget_at);

-- How many reports without certificate and without work an authority has had in an hour.
CREATE TABLE self_report_tally (
    -- The authority.
    authority TEXT NOT NULL,
    -- The hour's first second.
    hour INTEGER NOT NULL CONSTRAINT self_report_tally_hour CHECK (hour % 3600 = 0),
    -- How many.
    count INTEGER NOT NULL CONSTRAINT self_report_tally_count CHECK (count >= 1),
    PRIMARY KEY (authority, hour)
) STRICT, WITHOUT ROWID;
