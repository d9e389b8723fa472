-- What was set aside because it breaks an invariant. Nothing is published from these tables, and so they ask nothing of what stands in them.

-- Publications of keys that were set aside. What was said of the key stays in gaen_fresh or gaen_key, so that it stays known. Rows are kept for 30
-- days.
CREATE TABLE gaen_quarantine (
    -- Where it was to be published.
    feed INTEGER NOT NULL,
    -- Which key.
    key BLOB NOT NULL,
    -- 0 for the first publication in this feed; more for revised ones.
    revision INTEGER NOT NULL,
    -- The metadata class.
    class INTEGER NOT NULL,
    -- The first interval in which the key was broadcast.
    rolling_start INTEGER NOT NULL,
    -- For how many intervals.
    rolling_period INTEGER NOT NULL,
    -- `transmission_risk_level` as it was to be published.
    transmission_risk INTEGER NOT NULL,
    -- `report_type` as it was to be published.
    report_type INTEGER NOT NULL,
    -- `days_since_onset_of_symptoms` as it was to be published; NULL if it is left out.
    days_since_onset INTEGER,
    -- The authority's policy that named the feed.
    policy_version INTEGER NOT NULL,
    -- The UTC day on which it was set aside: its first second.
    set_aside_on INTEGER NOT NULL CONSTRAINT gaen_quarantine_set_aside_on CHECK (set_aside_on % 86400 = 0),
    PRIMARY KEY (feed, key, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX gaen_quarantine_key ON gaen_quarantine (key);

-- Publications of reports that were set aside. What was said of the report stays in tcn_fresh or tcn_report, so that it stays known. Rows are kept
-- for 30 days.
CREATE TABLE tcn_quarantine (
    -- Where it was to be published.
    feed INTEGER NOT NULL,
    -- Which report.
    rvk BLOB NOT NULL,
    -- 0 for the first publication in this feed; more for revised ones.
    revision INTEGER NOT NULL,
    -- The metadata class.
    class INTEGER NOT NULL,
    -- The signed report as it was to be published.
    signed_report BLOB NOT NULL,
    -- The report type as it was to be published.
    report_type INTEGER NOT NULL,
    -- Whose word it is.
    report_class INTEGER NOT NULL,
    -- The authority's policy that named the feed.
    policy_version INTEGER NOT NULL,
    -- The UTC day on which it was set aside: its first second.
    set_aside_on INTEGER NOT NULL CONSTRAINT tcn_quarantine_set_aside_on CHECK (set_aside_on % 86400 = 0),
    PRIMARY KEY (feed, rvk, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX tcn_quarantine_rvk ON tcn_quarantine (rvk);

-- Of bundle.state: recalled if it was taken back, void if that was before it was derived; then its members are gone from the publications.
