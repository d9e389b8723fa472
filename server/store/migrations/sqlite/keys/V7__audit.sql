-- What operators did to the database that cannot be seen in it any more, or that somebody may have to answer for. A row is written once: nobody
-- changes or deletes it. They are few, name no person, and are kept for as long as the database is.
CREATE TABLE audit (
    -- From 1 without gaps.
    number INTEGER NOT NULL PRIMARY KEY,
    -- When, to the second.
    at INTEGER NOT NULL,
    -- What was done: the command, and whether it was begun or done if it takes long.
    act TEXT NOT NULL CONSTRAINT audit_act CHECK (length(act) BETWEEN 1 AND 64),
    -- To what: JSON, in the terms of the command.
    subject TEXT NOT NULL CONSTRAINT audit_subject CHECK (json_valid(subject)),
    -- What came of it: JSON, counts as a rule.
    outcome TEXT NOT NULL CONSTRAINT audit_outcome CHECK (json_valid(outcome)),
    -- Why, in the operator's words; empty where no reason is asked for.
    reason TEXT NOT NULL CONSTRAINT audit_reason CHECK (length(reason) <= 500),
    -- Who the operating system says it was.
    os_user TEXT NOT NULL,
    -- Who the database says it was; empty in a file, which knows no users.
    database_user TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
