-- The verification database: authorities, their keys, and codes on their way to a certificate.
--
-- Times are UTC seconds since 1970. No row holds a code, a token, a commitment, a certificate or a telephone number in the clear, and the
-- secrets that would open or recompute them are not in the database. Rows about persons are ordered by random bytes, so that their place
-- tells nothing about when they were written.

CREATE TABLE authority (
    -- A health authority that issues codes.
    id            TEXT    NOT NULL PRIMARY KEY,  -- lower-case slug
    issuer        TEXT    NOT NULL UNIQUE,       -- `iss` of its certificates
    audience      TEXT    NOT NULL,              -- `aud` of its certificates
    date_required INTEGER NOT NULL CHECK (date_required IN (0, 1)),  -- an issue request must carry a date
    created_at    INTEGER NOT NULL,
    disabled_at   INTEGER                        -- from then on its API keys are refused; NULL: never
) STRICT, WITHOUT ROWID;

CREATE TABLE authority_key (
    -- The public half of a certificate signing key. The private half never comes near the database.
    kid         TEXT    NOT NULL PRIMARY KEY,    -- RFC 7638 thumbprint
    authority   TEXT    NOT NULL REFERENCES authority (id),
    public_key  TEXT    NOT NULL,                -- SubjectPublicKeyInfo in PEM; it says which algorithm
    signs_from  INTEGER NOT NULL,                -- published at once, used for signing from then on
    retired_at  INTEGER                          -- no longer published from then on; NULL: live
) STRICT, WITHOUT ROWID;

CREATE INDEX authority_key_by_authority ON authority_key (authority);

CREATE TABLE api_key (
    -- Who may call which routes.
    digest      BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),  -- SHA-256 of the whole key as sent
    authority   TEXT    NOT NULL REFERENCES authority (id),
    kind        TEXT    NOT NULL CHECK (kind IN ('device', 'admin', 'stats')),
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER                          -- refused from then on; NULL: live
) STRICT, WITHOUT ROWID;

CREATE TABLE code (
    -- One issued code, and the token that it became.
    id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),    -- random; also the first half of the token
    authority        TEXT    NOT NULL REFERENCES authority (id),
    uuid             BLOB    NOT NULL CHECK (length(uuid) = 16),              -- the issuer's name for it
    pepper           TEXT    NOT NULL,           -- which secret made the keyed digests, the seals and the token of this row
    request_digest   BLOB    CHECK (length(request_digest) = 32),             -- keyed; NULL once claimed
    report_type      TEXT    NOT NULL CHECK (report_type IN ('confirmed', 'likely', 'user-report', 'negative')),
    symptom_interval INTEGER,                    -- interval number of UTC midnight of the onset; NULL: not said
    test_interval    INTEGER,                    -- the same of the test
    token_digest     BLOB    CHECK (length(token_digest) = 32),               -- NULL until claimed
    token_expires_at INTEGER CHECK ((token_expires_at IS NULL) = (token_digest IS NULL)),  -- rounded up to the hour
    repeat_until     INTEGER,                    -- a claim without a nonce may be repeated until then; NULL: not, or no longer
    forget_at        INTEGER NOT NULL,           -- the row may be deleted from then on
    UNIQUE (authority, uuid)
) STRICT, WITHOUT ROWID;

CREATE INDEX code_by_forget_at ON code (forget_at);

CREATE TABLE code_digest (
    -- What a person may type or tap to claim a code: at most one short and one long form each.
    digest      BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),     -- keyed, over authority and normalised text
    code        BLOB    NOT NULL REFERENCES code (id) ON DELETE CASCADE,
    form        TEXT    NOT NULL CHECK (form IN ('short', 'long')),
    expires_at  INTEGER NOT NULL,                -- rounded up to the hour once claimed
    sealed      BLOB,                            -- the text itself, encrypted under the secret; NULL once claimed or expired
    UNIQUE (code, form)
) STRICT, WITHOUT ROWID;

CREATE INDEX code_digest_by_expiry ON code_digest (expires_at) WHERE sealed IS NOT NULL;

CREATE TABLE commitment (
    -- What a token was already exchanged for: at most two, deleted when the token expires.
    code        BLOB    NOT NULL REFERENCES code (id) ON DELETE CASCADE,
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),                 -- keyed with the token, so nobody without it can compare
    delete_at   INTEGER NOT NULL,                -- the token's expiry
    PRIMARY KEY (code, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX commitment_by_delete_at ON commitment (delete_at);
