-- What operators did to the database that cannot be seen in it any more, or that somebody may have to answer for.

CREATE TABLE audit (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    act text NOT NULL CONSTRAINT audit_act CHECK (length(act) BETWEEN 1 AND 64),
    subject text NOT NULL CONSTRAINT audit_subject CHECK (subject::json IS NOT NULL),
    outcome text NOT NULL CONSTRAINT audit_outcome CHECK (outcome::json IS NOT NULL),
    reason text NOT NULL CONSTRAINT audit_reason CHECK (length(reason) <= 500),
    os_user text NOT NULL,
    database_user text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE audit IS 'What operators did. A row is written once: nobody changes or deletes it. They are few, name no person, and are kept for as long as the database is.';
COMMENT ON COLUMN audit.number IS 'Rises with every row; a number that is missing was rolled back.';
COMMENT ON COLUMN audit.at IS 'When, to the second.';
COMMENT ON COLUMN audit.act IS 'What was done: the command, and whether it was begun or done if it takes long.';
COMMENT ON COLUMN audit.subject IS 'To what: JSON, in the terms of the command.';
COMMENT ON COLUMN audit.outcome IS 'What came of it: JSON, counts as a rule.';
COMMENT ON COLUMN audit.reason IS 'Why, in the operator''s words; empty where no reason is asked for.';
COMMENT ON COLUMN audit.os_user IS 'Who the operating system says it was.';
COMMENT ON COLUMN audit.database_user IS 'Who the database says it was.';

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only';
END
$$;
-- No role has the right anyway; this is for the owner, who would have to undo it first.
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
