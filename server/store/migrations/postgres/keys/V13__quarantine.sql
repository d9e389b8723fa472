-- What was set aside because it breaks an invariant. Nothing is published from these tables, and so they ask nothing of what stands in them.

CREATE TABLE gaen_quarantine (
    feed integer NOT NULL,
    key bytea NOT NULL,
    revision integer NOT NULL,
    class bigint NOT NULL,
    rolling_start bigint NOT NULL,
    rolling_period smallint NOT NULL,
    transmission_risk smallint NOT NULL,
    report_type smallint NOT NULL,
    days_since_onset smallint,
    policy_version integer NOT NULL,
    set_aside_on bigint NOT NULL CONSTRAINT gaen_quarantine_set_aside_on CHECK (set_aside_on % 86400 = 0),
    PRIMARY KEY (feed, key, revision)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
CREATE INDEX gaen_quarantine_key ON gaen_quarantine (key);
COMMENT ON TABLE gaen_quarantine IS 'Publications of keys that were set aside. What was said of the key stays in gaen_fresh or gaen_key, so that it stays known. Rows are kept for 30 days.';
COMMENT ON COLUMN gaen_quarantine.feed IS 'Where it was to be published.';
COMMENT ON COLUMN gaen_quarantine.key IS 'Which key.';
COMMENT ON COLUMN gaen_quarantine.revision IS '0 for the first publication in this feed; more for revised ones.';
COMMENT ON COLUMN gaen_quarantine.class IS 'The metadata class.';
COMMENT ON COLUMN gaen_quarantine.rolling_start IS 'The first interval in which the key was broadcast.';
COMMENT ON COLUMN gaen_quarantine.rolling_period IS 'For how many intervals.';
COMMENT ON COLUMN gaen_quarantine.transmission_risk IS 'transmission_risk_level as it was to be published.';
COMMENT ON COLUMN gaen_quarantine.report_type IS 'report_type as it was to be published.';
COMMENT ON COLUMN gaen_quarantine.days_since_onset IS 'days_since_onset_of_symptoms as it was to be published; NULL if it is left out.';
COMMENT ON COLUMN gaen_quarantine.policy_version IS 'The authority''s policy that named the feed.';
COMMENT ON COLUMN gaen_quarantine.set_aside_on IS 'The UTC day on which it was set aside: its first second.';

CREATE TABLE tcn_quarantine (
    feed integer NOT NULL,
    rvk bytea NOT NULL,
    revision integer NOT NULL,
    class bigint NOT NULL,
    signed_report bytea NOT NULL,
    report_type smallint NOT NULL,
    report_class smallint NOT NULL,
    policy_version integer NOT NULL,
    set_aside_on bigint NOT NULL CONSTRAINT tcn_quarantine_set_aside_on CHECK (set_aside_on % 86400 = 0),
    PRIMARY KEY (feed, rvk, revision)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
CREATE INDEX tcn_quarantine_rvk ON tcn_quarantine (rvk);
COMMENT ON TABLE tcn_quarantine IS 'Publications of reports that were set aside. What was said of the report stays in tcn_fresh or tcn_report, so that it stays known. Rows are kept for 30 days.';
COMMENT ON COLUMN tcn_quarantine.feed IS 'Where it was to be published.';
COMMENT ON COLUMN tcn_quarantine.rvk IS 'Which report.';
COMMENT ON COLUMN tcn_quarantine.revision IS '0 for the first publication in this feed; more for revised ones.';
COMMENT ON COLUMN tcn_quarantine.class IS 'The metadata class.';
COMMENT ON COLUMN tcn_quarantine.signed_report IS 'The signed report as it was to be published.';
COMMENT ON COLUMN tcn_quarantine.report_type IS 'The report type as it was to be published.';
COMMENT ON COLUMN tcn_quarantine.report_class IS 'Whose word it is.';
COMMENT ON COLUMN tcn_quarantine.policy_version IS 'The authority''s policy that named the feed.';
COMMENT ON COLUMN tcn_quarantine.set_aside_on IS 'The UTC day on which it was set aside: its first second.';

COMMENT ON COLUMN bundle.state IS 'sealed, then published once a bucket lists it. recalled if it was taken back, void if that was before it was derived; then its members are gone from the publications.';

-- The exporter sets rows aside, brings them back and forgets them; mending them is the owner's. What operators do with it is written down: it may
-- add to the audit, and neither read nor change it.
GRANT SELECT, INSERT, DELETE ON gaen_quarantine, tcn_quarantine TO pratique_exporter;
GRANT INSERT (at, act, subject, outcome, reason, os_user) ON audit TO pratique_exporter;
-- When a recalled bundle is forgotten, so are keys that nothing needs and that nobody could upload again.
GRANT SELECT (rolling_start, rolling_period) ON gaen_key TO pratique_exporter;
