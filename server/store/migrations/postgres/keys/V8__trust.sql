-- Under which keys an authority is believed: denials, which stand above everything, and sets of keys that authorities publish themselves.

CREATE TABLE denied_key (
    authority text NOT NULL REFERENCES authority (id),
    kid text NOT NULL CONSTRAINT denied_key_kid CHECK (length(kid) BETWEEN 1 AND 255),
    denied_since bigint NOT NULL,
    PRIMARY KEY (authority, kid)
);
COMMENT ON TABLE denied_key IS 'Keys under which nothing is believed, whether they come from files or from a set, today or later. A row never goes.';
COMMENT ON COLUMN denied_key.authority IS 'Whose key.';
COMMENT ON COLUMN denied_key.kid IS 'What certificates call it; it need not be known.';
COMMENT ON COLUMN denied_key.denied_since IS 'From when on nothing is believed under it, whatever a certificate says of its own time.';

-- A denial stood on the key's own row and would have gone with it.
INSERT INTO denied_key (authority, kid, denied_since)
    SELECT authority, kid, denied_since FROM authority_key WHERE denied_since IS NOT NULL;
ALTER TABLE authority_key DROP COLUMN denied_since;
COMMENT ON TABLE authority_key IS 'The keys from files under which an authority''s certificates are checked.';

CREATE TABLE key_set (
    authority text NOT NULL PRIMARY KEY REFERENCES authority (id),
    url text NOT NULL
);
COMMENT ON TABLE key_set IS 'Where authorities publish their keys. The operator says so.';
COMMENT ON COLUMN key_set.authority IS 'Whose keys.';
COMMENT ON COLUMN key_set.url IS 'The URL of a JWK set.';

CREATE TABLE key_set_fetch (
    authority text NOT NULL PRIMARY KEY REFERENCES authority (id),
    url text NOT NULL,
    due_at bigint NOT NULL,
    tried_at bigint NOT NULL,
    claimed_until bigint NOT NULL,
    fetched_at bigint,
    failing_since bigint
);
COMMENT ON TABLE key_set_fetch IS 'How it stands with fetching them. Servers write this.';
COMMENT ON COLUMN key_set_fetch.authority IS 'Whose keys.';
COMMENT ON COLUMN key_set_fetch.url IS 'From where what is known was fetched; if that is not what the operator says now, nothing of it is believed.';
COMMENT ON COLUMN key_set_fetch.due_at IS 'When they are to be fetched next.';
COMMENT ON COLUMN key_set_fetch.tried_at IS 'When that was last tried.';
COMMENT ON COLUMN key_set_fetch.claimed_until IS 'Until then it is left to the one server that does it.';
COMMENT ON COLUMN key_set_fetch.fetched_at IS 'When it last succeeded; NULL if never.';
COMMENT ON COLUMN key_set_fetch.failing_since IS 'Since when it has failed; NULL while it succeeds.';

CREATE TABLE fetched_key (
    authority text NOT NULL REFERENCES authority (id),
    kid text NOT NULL CONSTRAINT fetched_key_kid CHECK (length(kid) BETWEEN 1 AND 255),
    algorithm text NOT NULL CONSTRAINT fetched_key_algorithm CHECK (algorithm IN ('EdDSA', 'ES256')),
    public_key text NOT NULL,
    seen_since bigint NOT NULL,
    seen_at bigint NOT NULL,
    gone_since bigint,
    PRIMARY KEY (authority, kid)
);
COMMENT ON TABLE fetched_key IS 'The keys of those sets. Servers write this; what the operator says stands in authority_key and denied_key, which they cannot write.';
COMMENT ON COLUMN fetched_key.authority IS 'Whose key.';
COMMENT ON COLUMN fetched_key.kid IS 'What certificates call it: its name in the set, or its RFC 7638 thumbprint.';
COMMENT ON COLUMN fetched_key.algorithm IS 'EdDSA or ES256.';
COMMENT ON COLUMN fetched_key.public_key IS 'SubjectPublicKeyInfo in PEM.';
COMMENT ON COLUMN fetched_key.seen_since IS 'When it was first seen.';
COMMENT ON COLUMN fetched_key.seen_at IS 'When it was last seen.';
COMMENT ON COLUMN fetched_key.gone_since IS 'Since when the set has been without it; NULL while it is there.';

GRANT SELECT ON denied_key, key_set TO pratique_server;
GRANT SELECT, INSERT, UPDATE ON key_set_fetch TO pratique_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON fetched_key TO pratique_server;
