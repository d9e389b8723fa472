-- Under which keys an authority is believed: denials, which stand above everything, and sets of keys that authorities publish themselves.

-- Keys under which nothing is believed, whether they come from files or from a set, today or later. A row never goes.
CREATE TABLE denied_key (
    -- Whose key.
    authority TEXT NOT NULL REFERENCES authority (id),
    -- What certificates call it; it need not be known.
    kid TEXT NOT NULL CONSTRAINT denied_key_kid CHECK (length(kid) BETWEEN 1 AND 255),
    -- From when on nothing is believed under it, whatever a certificate says of its own time.
    denied_since INTEGER NOT NULL,
    PRIMARY KEY (authority, kid)
) STRICT, WITHOUT ROWID;

-- A denial stood on the key's own row and would have gone with it.
INSERT INTO denied_key (authority, kid, denied_since)
    SELECT authority, kid, denied_since FROM authority_key WHERE denied_since IS NOT NULL;
ALTER TABLE authority_key DROP COLUMN denied_since;

-- Where authorities publish their keys. The operator says so.
CREATE TABLE key_set (
    -- Whose keys.
    authority TEXT NOT NULL PRIMARY KEY REFERENCES authority (id),
    -- The URL of a JWK set.
    url TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How it stands with fetching them. Servers write this.
CREATE TABLE key_set_fetch (
    -- Whose keys.
    authority TEXT NOT NULL PRIMARY KEY REFERENCES authority (id),
    -- From where what is known was fetched; if that is not what the operator says now, nothing of it is believed.
    url TEXT NOT NULL,
    -- When they are to be fetched next.
    due_at INTEGER NOT NULL,
    -- When that was last tried.
    tried_at INTEGER NOT NULL,
    -- Until then it is left to the one server that does it.
    claimed_until INTEGER NOT NULL,
    -- When it last succeeded; NULL if never.
    fetched_at INTEGER,
    -- Since when it has failed; NULL while it succeeds.
    failing_since INTEGER
) STRICT, WITHOUT ROWID;

-- The keys of those sets.
CREATE TABLE fetched_key (
    -- Whose key.
    authority TEXT NOT NULL REFERENCES authority (id),
    -- What certificates call it: its name in the set, or its RFC 7638 thumbprint.
    kid TEXT NOT NULL CONSTRAINT fetched_key_kid CHECK (length(kid) BETWEEN 1 AND 255),
    -- `EdDSA` or `ES256`.
    algorithm TEXT NOT NULL CONSTRAINT fetched_key_algorithm CHECK (algorithm IN ('EdDSA', 'ES256')),
    -- SubjectPublicKeyInfo in PEM.
    public_key TEXT NOT NULL,
    -- When it was first seen.
    seen_since INTEGER NOT NULL,
    -- When it was last seen.
    seen_at INTEGER NOT NULL,
    -- Since when the set has been without it; NULL while it is there.
    gone_since INTEGER,
    PRIMARY KEY (authority, kid)
) STRICT, WITHOUT ROWID;
