-- The verification database: authorities, their keys, and codes on their way to a certificate.
--
-- Times are UTC seconds since 1970. No row holds a code, a token, a commitment, a certificate or a telephone number in the clear, and the
-- secrets that would open or recompute them are not in the database.

-- The service's own role. It logs in through members that the operator creates; see ../roles.sql.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pratique_verification') THEN
        CREATE ROLE pratique_verification NOLOGIN;
    END IF;
EXCEPTION
    -- Roles belong to the whole cluster: another database may have created it just now.
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role pratique_verification does not exist and this user may not create it; run roles.sql first';
END
$$;

CREATE TABLE authority (
    id             text     NOT NULL PRIMARY KEY,
    issuer         text     NOT NULL UNIQUE,
    audience       text     NOT NULL,
    date_required  boolean  NOT NULL,
    code_form      text     NOT NULL CHECK (code_form IN ('digits', 'crockford')),
    code_length    smallint NOT NULL CHECK (code_length BETWEEN 8 AND 16),
    code_life      bigint   NOT NULL CHECK (code_life > 0),
    long_code_life bigint   NOT NULL CHECK (long_code_life > 0),
    created_at     bigint   NOT NULL,
    disabled_at    bigint
);
COMMENT ON TABLE authority IS 'A health authority that issues codes.';
COMMENT ON COLUMN authority.id IS 'Lower-case slug.';
COMMENT ON COLUMN authority.issuer IS '`iss` of its certificates.';
COMMENT ON COLUMN authority.audience IS '`aud` of its certificates.';
COMMENT ON COLUMN authority.date_required IS 'Whether an issue request must carry a date.';
COMMENT ON COLUMN authority.code_form IS 'What a short code is written with.';
COMMENT ON COLUMN authority.code_length IS 'How many characters are drawn for it; a check character comes on top.';
COMMENT ON COLUMN authority.code_life IS 'How long it can be claimed, in seconds.';
COMMENT ON COLUMN authority.long_code_life IS 'How long the long code beside it can be claimed, in seconds.';
COMMENT ON COLUMN authority.created_at IS 'When it was registered, UTC seconds.';
COMMENT ON COLUMN authority.disabled_at IS 'From then on its API keys are refused, UTC seconds; null: never.';

CREATE TABLE authority_key (
    kid        text   NOT NULL PRIMARY KEY,
    authority  text   NOT NULL REFERENCES authority (id),
    public_key text   NOT NULL,
    signs_from bigint NOT NULL,
    retired_at bigint
);
CREATE INDEX authority_key_by_authority ON authority_key (authority);
COMMENT ON TABLE authority_key IS 'The public half of a certificate signing key. The private half never comes near the database.';
COMMENT ON COLUMN authority_key.kid IS 'RFC 7638 thumbprint.';
COMMENT ON COLUMN authority_key.authority IS 'Whose certificates it signs.';
COMMENT ON COLUMN authority_key.public_key IS 'SubjectPublicKeyInfo in PEM; it says which algorithm.';
COMMENT ON COLUMN authority_key.signs_from IS 'Published at once, used for signing from then on, UTC seconds.';
COMMENT ON COLUMN authority_key.retired_at IS 'No longer published from then on, UTC seconds; null: live.';

CREATE TABLE api_key (
    digest     bytea  NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    authority  text   NOT NULL REFERENCES authority (id),
    kind       text   NOT NULL CHECK (kind IN ('device', 'admin', 'stats')),
    created_at bigint NOT NULL,
    revoked_at bigint
);
CREATE INDEX api_key_by_authority ON api_key (authority);
COMMENT ON TABLE api_key IS 'Who may call which routes.';
COMMENT ON COLUMN api_key.digest IS 'SHA-256 of the whole key as sent.';
COMMENT ON COLUMN api_key.authority IS 'Whose it is.';
COMMENT ON COLUMN api_key.kind IS 'What it may be used for: device, admin or stats.';
COMMENT ON COLUMN api_key.created_at IS 'When it was made, UTC seconds.';
COMMENT ON COLUMN api_key.revoked_at IS 'Refused from then on, UTC seconds; null: live.';

-- A claim and a certificate each change one row of `code`, and that row alone decides races: two that come at the same time change it one
-- after the other, and the second sees what the first has done. That is why the commitments stand in it too.
CREATE TABLE code (
    id               bytea   NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    authority        text    NOT NULL REFERENCES authority (id),
    uuid             bytea   NOT NULL CHECK (octet_length(uuid) = 16),
    pepper           text    NOT NULL,
    request_digest   bytea   CHECK (octet_length(request_digest) = 32),
    report_type      text    NOT NULL CHECK (report_type IN ('confirmed', 'likely', 'user-report', 'negative')),
    symptom_interval bigint,
    test_interval    bigint,
    token_digest     bytea   CHECK (octet_length(token_digest) = 32),
    token_expires_at bigint  CHECK ((token_expires_at IS NULL) = (token_digest IS NULL)),
    repeat_until     bigint,
    forget_at        bigint  NOT NULL,
    commitments      bytea[] NOT NULL DEFAULT '{}',
    UNIQUE (authority, uuid)
);
CREATE INDEX code_by_forget_at ON code (forget_at);
CREATE INDEX code_by_repeat_until ON code (repeat_until) WHERE repeat_until IS NOT NULL;
CREATE INDEX code_by_token_expiry ON code (token_expires_at) WHERE commitments <> '{}';
COMMENT ON TABLE code IS 'One issued code, and the token that it became.';
COMMENT ON COLUMN code.id IS '16 random bytes; also the first half of the token.';
COMMENT ON COLUMN code.authority IS 'Who issued it.';
COMMENT ON COLUMN code.uuid IS 'The issuer''s name for it, 16 bytes.';
COMMENT ON COLUMN code.pepper IS 'Which secret made the keyed digests, the seals and the token of this row.';
COMMENT ON COLUMN code.request_digest IS 'The request that it answers, as a keyed digest; null once claimed.';
COMMENT ON COLUMN code.report_type IS 'What the authority says of the person.';
COMMENT ON COLUMN code.symptom_interval IS 'Interval number of UTC midnight of the onset; null: not said.';
COMMENT ON COLUMN code.test_interval IS 'Interval number of UTC midnight of the test; null: not said.';
COMMENT ON COLUMN code.token_digest IS 'SHA-256 of the token; null until claimed.';
COMMENT ON COLUMN code.token_expires_at IS 'When the token expires, UTC seconds rounded up to the hour; null until claimed.';
COMMENT ON COLUMN code.repeat_until IS 'A claim without a nonce may be repeated until then, UTC seconds; null: not, or no longer.';
COMMENT ON COLUMN code.forget_at IS 'The row may be deleted from then on, UTC seconds.';
COMMENT ON COLUMN code.commitments IS
    'What the token was exchanged for: at most two digests keyed with the token, so that nobody without it can compare; emptied when the token expires.';

CREATE TABLE code_digest (
    digest     bytea  NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    code       bytea  NOT NULL REFERENCES code (id) ON DELETE CASCADE,
    form       text   NOT NULL CHECK (form IN ('short', 'long')),
    expires_at bigint NOT NULL,
    sealed     bytea,
    UNIQUE (code, form)
);
CREATE INDEX code_digest_by_expiry ON code_digest (expires_at) WHERE sealed IS NOT NULL;
COMMENT ON TABLE code_digest IS 'What a person may type or tap to claim a code: at most one short and one long form each.';
COMMENT ON COLUMN code_digest.digest IS 'Keyed digest over authority and normalised text.';
COMMENT ON COLUMN code_digest.code IS 'What it claims.';
COMMENT ON COLUMN code_digest.form IS 'How it is written: short or long.';
COMMENT ON COLUMN code_digest.expires_at IS 'When it can no longer be claimed, UTC seconds; rounded up to the hour once claimed.';
COMMENT ON COLUMN code_digest.sealed IS 'The text itself, encrypted under the secret; null once claimed or expired.';

COMMENT ON TABLE refinery_verification_history IS 'The migrations of the verification database that ran.';
COMMENT ON COLUMN refinery_verification_history.version IS 'Its number.';
COMMENT ON COLUMN refinery_verification_history.name IS 'Its name.';
COMMENT ON COLUMN refinery_verification_history.applied_on IS 'When it ran.';
COMMENT ON COLUMN refinery_verification_history.checksum IS 'Over its name, number and text.';

-- The service that serves phones reads authorities and keys but makes none: who breaks into it cannot issue codes in the name of others.
-- Administration is the owner's.
GRANT SELECT ON refinery_verification_history, authority, authority_key, api_key TO pratique_verification;
GRANT SELECT, INSERT, DELETE ON code, code_digest TO pratique_verification;
GRANT UPDATE (request_digest, token_digest, token_expires_at, repeat_until, forget_at, commitments) ON code TO pratique_verification;
GRANT UPDATE (expires_at, sealed) ON code_digest TO pratique_verification;
