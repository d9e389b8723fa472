-- Self-reports: codes that a phone asks for itself, for what its owner says of themselves.

ALTER TABLE authority ADD COLUMN user_reports boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN authority.user_reports IS 'Whether the authority takes self-reports.';

CREATE TABLE self_report (
    phone_digest bytea  NOT NULL PRIMARY KEY CHECK (octet_length(phone_digest) = 32),
    code         bytea  NOT NULL UNIQUE REFERENCES code (id) ON DELETE CASCADE,
    forget_at    bigint NOT NULL
);
CREATE INDEX self_report_by_forget_at ON self_report (forget_at);
COMMENT ON TABLE self_report IS
    'A telephone that waits for the code of a self-report. The row goes as soon as nobody can claim that code any more, or somebody has.';
COMMENT ON COLUMN self_report.phone_digest IS 'Keyed digest over authority and telephone number.';
COMMENT ON COLUMN self_report.code IS 'What was sent to it.';
COMMENT ON COLUMN self_report.forget_at IS 'When the last form of the code expires, UTC seconds.';

-- The right to update is what the purge needs to leave rows alone that somebody is changing; nothing updates them.
GRANT SELECT, INSERT, DELETE, UPDATE (forget_at) ON self_report TO pratique_verification;
