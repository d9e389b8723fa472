-- Self-reports: codes that a phone asks for itself, for what its owner says of themselves.

-- Whether the authority takes them.
ALTER TABLE authority ADD COLUMN user_reports INTEGER NOT NULL DEFAULT 0 CHECK (user_reports IN (0, 1));

CREATE TABLE self_report (
    -- A telephone that waits for the code of a self-report. The row goes as soon as nobody can claim that code any more, or somebody has.
    phone_digest BLOB    NOT NULL PRIMARY KEY CHECK (length(phone_digest) = 32),  -- keyed, over authority and number
    code         BLOB    NOT NULL UNIQUE REFERENCES code (id) ON DELETE CASCADE,  -- what was sent to it
    forget_at    INTEGER NOT NULL                -- when the last form of the code expires
) STRICT, WITHOUT ROWID;

CREATE INDEX self_report_by_forget_at ON self_report (forget_at);
