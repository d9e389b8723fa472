-- What people report without a certificate: whom each authority lets, and what keeps them from reporting by the thousand.

ALTER TABLE authority
    ADD COLUMN self_reports text NOT NULL DEFAULT 'off'
        CONSTRAINT authority_self_reports CHECK (self_reports IN ('off', 'proof-of-work', 'open')),
    ADD COLUMN self_reports_per_hour integer CONSTRAINT authority_self_reports_per_hour
        CHECK ((self_reports = 'open') = (self_reports_per_hour IS NOT NULL) AND self_reports_per_hour IS DISTINCT FROM 0),
    ADD COLUMN memo_bytes smallint NOT NULL DEFAULT 1 CONSTRAINT authority_memo_bytes CHECK (memo_bytes BETWEEN 0 AND 255);
COMMENT ON COLUMN authority.self_reports IS 'Who may report without a certificate: off nobody, proof-of-work who has worked for it, open anybody, in small numbers.';
COMMENT ON COLUMN authority.self_reports_per_hour IS 'How many an hour where anybody may; NULL elsewhere.';
COMMENT ON COLUMN authority.memo_bytes IS 'How many bytes the memo of a certified report may have: equal memos of more than one show which reports are one person''s.';

COMMENT ON COLUMN tcn_fresh.kid IS 'The key that signed the certificate; empty where none was shown.';
COMMENT ON COLUMN tcn_report.kid IS 'The key that signed the certificate; empty where none was shown.';
COMMENT ON COLUMN authority_key.kid IS 'What certificates call it: its RFC 7638 thumbprint, unless it was registered under another name.';

CREATE TABLE spent_challenge (
    id bytea NOT NULL PRIMARY KEY CONSTRAINT spent_challenge_id CHECK (length(id) = 16),
    spent_on bytea NOT NULL CONSTRAINT spent_challenge_spent_on CHECK (length(spent_on) = 32),
    forget_at bigint NOT NULL CONSTRAINT spent_challenge_grain CHECK (forget_at % 900 = 0)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
CREATE INDEX spent_challenge_forget_at ON spent_challenge (forget_at);
COMMENT ON TABLE spent_challenge IS 'Challenges that were used up, until nobody would take them any more.';
COMMENT ON COLUMN spent_challenge.id IS 'Its id.';
COMMENT ON COLUMN spent_challenge.spent_on IS 'On which report, as a digest whose key is not in here: the same report again is answered like the first time.';
COMMENT ON COLUMN spent_challenge.forget_at IS 'From when on the row may go: a multiple of a quarter of an hour.';

CREATE TABLE self_report_tally (
    authority text NOT NULL,
    hour bigint NOT NULL CONSTRAINT self_report_tally_hour CHECK (hour % 3600 = 0),
    count integer NOT NULL CONSTRAINT self_report_tally_count CHECK (count >= 1),
    PRIMARY KEY (authority, hour)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
COMMENT ON TABLE self_report_tally IS 'How many reports without certificate and without work an authority has had in an hour.';
COMMENT ON COLUMN self_report_tally.authority IS 'The authority.';
COMMENT ON COLUMN self_report_tally.hour IS 'The hour''s first second.';
COMMENT ON COLUMN self_report_tally.count IS 'How many.';

-- The server keeps these two by itself, old rows included. They name nobody.
GRANT SELECT, INSERT, DELETE ON spent_challenge TO pratique_server;
GRANT SELECT, INSERT, UPDATE (count), DELETE ON self_report_tally TO pratique_server;
