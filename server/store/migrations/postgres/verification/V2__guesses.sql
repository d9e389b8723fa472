-- What wrong codes cost. Nothing here says who typed what: a network is a keyed digest that dies within a day, and a good code leaves no row.

CREATE TABLE guess_prefix (
    digest   bytea   NOT NULL CHECK (octet_length(digest) = 32),
    form     text    NOT NULL CHECK (form IN ('digits', 'crockford')),
    hour     bigint  NOT NULL,
    failures bigint  NOT NULL CHECK (failures > 0),
    repeated boolean NOT NULL,
    PRIMARY KEY (digest, form)
);
CREATE INDEX guess_prefix_by_hour ON guess_prefix (hour);
COMMENT ON TABLE guess_prefix IS 'A network from which a wrong short code came within the last day.';
COMMENT ON COLUMN guess_prefix.digest IS 'Of its prefix, keyed with a secret that is not in the database.';
COMMENT ON COLUMN guess_prefix.form IS 'What the codes were written with: digits or crockford.';
COMMENT ON COLUMN guess_prefix.hour IS 'The hour of its last failure, counted from 1970.';
COMMENT ON COLUMN guess_prefix.failures IS 'How many failures in that hour.';
COMMENT ON COLUMN guess_prefix.repeated IS
    'Whether it had failed within a day of its last failure: how the one who counts learns what was there before.';

CREATE TABLE guess_tally (
    hour     bigint   NOT NULL,
    form     text     NOT NULL CHECK (form IN ('digits', 'crockford')),
    scope    text     NOT NULL,
    stripe   smallint NOT NULL CHECK (stripe BETWEEN 0 AND 15),
    failures bigint   NOT NULL CHECK (failures > 0),
    PRIMARY KEY (hour, form, scope, stripe)
);
COMMENT ON TABLE guess_tally IS 'How many wrong short codes came in an hour.';
COMMENT ON COLUMN guess_tally.hour IS 'The hour, counted from 1970.';
COMMENT ON COLUMN guess_tally.form IS 'What the codes were written with: digits or crockford.';
COMMENT ON COLUMN guess_tally.scope IS '`all`, `authority ID` or `relay NAME`.';
COMMENT ON COLUMN guess_tally.stripe IS 'Which part of the count this is; the whole is the sum of all parts.';
COMMENT ON COLUMN guess_tally.failures IS 'How many.';

GRANT SELECT, INSERT, DELETE ON guess_prefix, guess_tally TO pratique_verification;
GRANT UPDATE (hour, failures, repeated) ON guess_prefix TO pratique_verification;
GRANT UPDATE (failures) ON guess_tally TO pratique_verification;
