-- What wrong codes cost. Nothing here says who typed what: a network is a keyed digest that dies within a day, and a good code leaves no row.

CREATE TABLE guess_prefix (
    -- A network from which a wrong short code came within the last day.
    digest   BLOB    NOT NULL CHECK (length(digest) = 32),                    -- of its prefix, keyed with a secret that is not here
    form     TEXT    NOT NULL CHECK (form IN ('digits', 'crockford')),        -- what the codes were written with
    hour     INTEGER NOT NULL,                   -- of its last failure, counted from 1970
    failures INTEGER NOT NULL CHECK (failures > 0),                           -- in that hour
    PRIMARY KEY (digest, form)
) STRICT, WITHOUT ROWID;

CREATE INDEX guess_prefix_by_hour ON guess_prefix (hour);

CREATE TABLE guess_tally (
    -- How many wrong short codes came in an hour.
    hour     INTEGER NOT NULL,                   -- counted from 1970
    form     TEXT    NOT NULL CHECK (form IN ('digits', 'crockford')),        -- what the codes were written with
    scope    TEXT    NOT NULL,                   -- `all`, `authority ID` or `relay NAME`
    stripe   INTEGER NOT NULL CHECK (stripe BETWEEN 0 AND 15),                -- which part of the count this is; the whole is their sum
    failures INTEGER NOT NULL CHECK (failures > 0),
    PRIMARY KEY (hour, form, scope, stripe)
) STRICT, WITHOUT ROWID;
