-- The key database of Pratique on PostgreSQL.
--
-- Moments are UTC seconds since 1970. Intervals are the ten-minute numbers of GAEN. Nothing in here says which keys came together: there is no
-- row for an upload, no serial id on anything that belongs to a person, no certificate and no commitment, and times are coarse.
--
-- A key or report passes through three pairs of tables. Fresh and waiting hold what no bundle carries yet. What a seal takes is deleted there
-- and written to key (or report) and publication in the order of its own bytes by one transaction, so that neither the place of a row (ctid)
-- nor the transaction that wrote it (xmin) tells who uploaded it. Deleted rows are gone from the files only after a vacuum, so those small tables
-- are vacuumed early; write-ahead logs and their archives keep the order of uploads for as long as they are kept.

-- The services' own roles. They log in through members that the operator creates; see ../roles.sql.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pratique_server') THEN
        CREATE ROLE pratique_server NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pratique_exporter') THEN
        CREATE ROLE pratique_exporter NOLOGIN;
    END IF;
EXCEPTION
    -- Roles belong to the whole cluster: another database may have created them just now.
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the roles pratique_server and pratique_exporter do not exist and this user may not create them; run roles.sql first';
END
$$;

CREATE TABLE authority (
    id text NOT NULL PRIMARY KEY CONSTRAINT authority_id CHECK (length(id) BETWEEN 1 AND 64),
    issuer text NOT NULL,
    audience text NOT NULL,
    policy_version integer NOT NULL CONSTRAINT authority_policy_version CHECK (policy_version >= 1),
    registered_at bigint NOT NULL,
    disabled_at bigint
);
COMMENT ON TABLE authority IS 'A health authority whose certificates are believed.';
COMMENT ON COLUMN authority.id IS 'Its slug, lower case.';
COMMENT ON COLUMN authority.issuer IS 'iss of its certificates.';
COMMENT ON COLUMN authority.audience IS 'aud of its certificates.';
COMMENT ON COLUMN authority.policy_version IS 'From 1, rises with every change of issuer, audience, regions or keys.';
COMMENT ON COLUMN authority.registered_at IS 'When it was first registered.';
COMMENT ON COLUMN authority.disabled_at IS 'From when on it is believed no more; NULL while it is.';

CREATE TABLE authority_region (
    authority text NOT NULL REFERENCES authority (id),
    region text NOT NULL,
    PRIMARY KEY (authority, region)
);
COMMENT ON TABLE authority_region IS 'The regions of an authority: its keys reach the verified feeds of each.';
COMMENT ON COLUMN authority_region.authority IS 'Whose region.';
COMMENT ON COLUMN authority_region.region IS 'The region, as in feed paths.';

CREATE TABLE authority_key (
    authority text NOT NULL REFERENCES authority (id),
    kid text NOT NULL,
    algorithm text NOT NULL CONSTRAINT authority_key_algorithm CHECK (algorithm IN ('EdDSA', 'ES256')),
    public_key text NOT NULL,
    denied_since bigint,
    PRIMARY KEY (authority, kid)
);
COMMENT ON TABLE authority_key IS 'The keys under which an authority''s certificates are checked.';
COMMENT ON COLUMN authority_key.authority IS 'Whose key.';
COMMENT ON COLUMN authority_key.kid IS 'Its RFC 7638 thumbprint.';
COMMENT ON COLUMN authority_key.algorithm IS 'EdDSA or ES256: the algorithm belongs to the key, no header is asked.';
COMMENT ON COLUMN authority_key.public_key IS 'SubjectPublicKeyInfo in PEM.';
COMMENT ON COLUMN authority_key.denied_since IS 'From when on nothing is believed under this key; NULL while it is.';

CREATE TABLE feed (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    path text NOT NULL UNIQUE,
    region text NOT NULL,
    kind text NOT NULL CONSTRAINT feed_kind CHECK (kind IN ('gaen', 'tcn')),
    role text NOT NULL CONSTRAINT feed_role CHECK (role IN ('verified', 'self', 'origin')),
    created_at bigint NOT NULL,
    number bigint NOT NULL DEFAULT 0,
    next_sequence bigint NOT NULL DEFAULT 1,
    last_end bigint NOT NULL,
    UNIQUE (region, kind, role)
);
COMMENT ON TABLE feed IS 'A feed: what a phone subscribes to.';
COMMENT ON COLUMN feed.id IS 'A short name for other rows; it says nothing about people.';
COMMENT ON COLUMN feed.path IS '{region}/{kind}[-{role}].';
COMMENT ON COLUMN feed.region IS 'The region.';
COMMENT ON COLUMN feed.kind IS 'gaen or tcn.';
COMMENT ON COLUMN feed.role IS 'verified, self or origin.';
COMMENT ON COLUMN feed.created_at IS 'When it was created, to the hour: the start of its first bundle.';
COMMENT ON COLUMN feed.number IS 'The number of its newest index and manifest.';
COMMENT ON COLUMN feed.next_sequence IS 'The sequence that its next bundle gets; bundles are numbered from 1 without gaps.';
COMMENT ON COLUMN feed.last_end IS 'The end of its newest bundle, and so the start of the next one.';

CREATE TABLE feed_number (
    feed integer NOT NULL REFERENCES feed (id),
    number bigint NOT NULL,
    taken_at bigint NOT NULL,
    reason text NOT NULL CONSTRAINT feed_number_reason CHECK (reason IN ('create', 'seal', 'announce', 'recall', 'delist', 'adopt')),
    PRIMARY KEY (feed, number)
);
COMMENT ON TABLE feed_number IS 'The numbers that a feed has taken. With the numbers on bundle and announced_key, what an index and a manifest say at any number is a function of that number and of rows that never change.';
COMMENT ON COLUMN feed_number.feed IS 'Whose number.';
COMMENT ON COLUMN feed_number.number IS 'From 0 without gaps.';
COMMENT ON COLUMN feed_number.taken_at IS 'When it was taken: the manifest''s time. It never runs backwards.';
COMMENT ON COLUMN feed_number.reason IS 'What made it necessary.';

CREATE TABLE announced_key (
    feed integer NOT NULL REFERENCES feed (id),
    from_number bigint NOT NULL,
    usage text NOT NULL CONSTRAINT announced_key_usage CHECK (usage IN ('current', 'next')),
    key_id text NOT NULL,
    key_version text NOT NULL,
    spki bytea NOT NULL,
    not_before bigint NOT NULL,
    to_number bigint CONSTRAINT announced_key_numbers CHECK (to_number > from_number),
    PRIMARY KEY (feed, from_number, usage, key_id, key_version)
);
COMMENT ON TABLE announced_key IS 'The keys that a feed''s manifest announces, from one number to another.';
COMMENT ON COLUMN announced_key.feed IS 'Whose manifest.';
COMMENT ON COLUMN announced_key.from_number IS 'The first number that announces it.';
COMMENT ON COLUMN announced_key.usage IS 'current signs now, next will.';
COMMENT ON COLUMN announced_key.key_id IS 'verification_key_id as it stands in bundles.';
COMMENT ON COLUMN announced_key.key_version IS 'verification_key_version as it stands in bundles.';
COMMENT ON COLUMN announced_key.spki IS 'SubjectPublicKeyInfo in DER.';
COMMENT ON COLUMN announced_key.not_before IS 'From when on it signs.';
COMMENT ON COLUMN announced_key.to_number IS 'The first number that no longer announces it; NULL while it is announced.';

CREATE TABLE seal_lock ();
COMMENT ON TABLE seal_lock IS 'Whoever seals holds this table''s lock; it has neither columns nor rows. Locking a table is the one thing that a transaction can do before its snapshot is taken, so that a seal sees all that was committed before the lock and nothing later.';

CREATE TABLE gaen_fresh (
    key bytea NOT NULL PRIMARY KEY CONSTRAINT gaen_fresh_key CHECK (length(key) = 16),
    rolling_start bigint NOT NULL,
    rolling_period smallint NOT NULL CONSTRAINT gaen_fresh_rolling_period CHECK (rolling_period BETWEEN 1 AND 144),
    raw_transmission_risk smallint NOT NULL,
    raw_report_type smallint NOT NULL CONSTRAINT gaen_fresh_report_type CHECK (raw_report_type IN (1, 2, 3, 5)),
    onset bigint NOT NULL CONSTRAINT gaen_fresh_onset CHECK (onset % 144 = 0),
    onset_source smallint NOT NULL CONSTRAINT gaen_fresh_onset_source CHECK (onset_source IN (1, 2, 3)),
    authority text NOT NULL,
    kid text NOT NULL,
    origin smallint NOT NULL CONSTRAINT gaen_fresh_origin CHECK (origin IN (1, 2)),
    received_hour bigint NOT NULL CONSTRAINT gaen_fresh_received_hour CHECK (received_hour % 3600 = 0)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
COMMENT ON TABLE gaen_fresh IS 'Keys of which no publication has been sealed yet: what was said of them, and by whom.';
COMMENT ON COLUMN gaen_fresh.key IS 'The 16 key bytes: its identity.';
COMMENT ON COLUMN gaen_fresh.rolling_start IS 'The first interval in which it was broadcast.';
COMMENT ON COLUMN gaen_fresh.rolling_period IS 'For how many intervals.';
COMMENT ON COLUMN gaen_fresh.raw_transmission_risk IS 'transmissionRisk as sent.';
COMMENT ON COLUMN gaen_fresh.raw_report_type IS 'The certificate''s report type: 1 confirmed, 2 likely, 3 user report, 5 negative.';
COMMENT ON COLUMN gaen_fresh.onset IS 'The day of the onset, as the interval of its UTC midnight: a finer moment could be one person''s alone.';
COMMENT ON COLUMN gaen_fresh.onset_source IS 'Who named the onset: 1 the request, 2 the certificate, 3 nobody.';
COMMENT ON COLUMN gaen_fresh.authority IS 'The authority that certified it.';
COMMENT ON COLUMN gaen_fresh.kid IS 'The key that signed the certificate.';
COMMENT ON COLUMN gaen_fresh.origin IS 'Who received it: 1 this server, 2 a peer.';
COMMENT ON COLUMN gaen_fresh.received_hour IS 'When it was received, to the hour.';

CREATE TABLE gaen_key (
    key bytea NOT NULL PRIMARY KEY CONSTRAINT gaen_key_key CHECK (length(key) = 16),
    rolling_start bigint NOT NULL,
    rolling_period smallint NOT NULL,
    raw_transmission_risk smallint NOT NULL,
    raw_report_type smallint NOT NULL,
    onset bigint NOT NULL,
    onset_source smallint NOT NULL,
    authority text NOT NULL,
    kid text NOT NULL,
    origin smallint NOT NULL
);
COMMENT ON TABLE gaen_key IS 'Keys of which at least one publication is sealed. The columns are those of gaen_fresh, without the hour of receipt: in a quiet hour one person may have been the only one.';
COMMENT ON COLUMN gaen_key.key IS 'The 16 key bytes: its identity.';
COMMENT ON COLUMN gaen_key.rolling_start IS 'The first interval in which it was broadcast.';
COMMENT ON COLUMN gaen_key.rolling_period IS 'For how many intervals.';
COMMENT ON COLUMN gaen_key.raw_transmission_risk IS 'transmissionRisk as sent.';
COMMENT ON COLUMN gaen_key.raw_report_type IS 'The certificate''s report type.';
COMMENT ON COLUMN gaen_key.onset IS 'The day of the onset, as the interval of its UTC midnight.';
COMMENT ON COLUMN gaen_key.onset_source IS 'Who named the onset.';
COMMENT ON COLUMN gaen_key.authority IS 'The authority that certified it.';
COMMENT ON COLUMN gaen_key.kid IS 'The key that signed the certificate.';
COMMENT ON COLUMN gaen_key.origin IS 'Who received it.';

CREATE TABLE tcn_fresh (
    rvk bytea NOT NULL PRIMARY KEY CONSTRAINT tcn_fresh_rvk CHECK (length(rvk) = 32),
    signed_report bytea NOT NULL CONSTRAINT tcn_fresh_signed_report CHECK (length(signed_report) BETWEEN 134 AND 389),
    raw_report_type smallint NOT NULL CONSTRAINT tcn_fresh_report_type CHECK (raw_report_type IN (1, 2, 3, 5)),
    authority text NOT NULL,
    kid text NOT NULL,
    origin smallint NOT NULL CONSTRAINT tcn_fresh_origin CHECK (origin IN (1, 2)),
    received_hour bigint NOT NULL CONSTRAINT tcn_fresh_received_hour CHECK (received_hour % 3600 = 0)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
COMMENT ON TABLE tcn_fresh IS 'Reports of which no publication has been sealed yet.';
COMMENT ON COLUMN tcn_fresh.rvk IS 'The report verification key: its identity.';
COMMENT ON COLUMN tcn_fresh.signed_report IS 'The signed report, as received.';
COMMENT ON COLUMN tcn_fresh.raw_report_type IS 'The certificate''s report type: 1 confirmed, 2 likely, 3 user report, 5 negative.';
COMMENT ON COLUMN tcn_fresh.authority IS 'The authority that certified it.';
COMMENT ON COLUMN tcn_fresh.kid IS 'The key that signed the certificate.';
COMMENT ON COLUMN tcn_fresh.origin IS 'Who received it: 1 this server, 2 a peer.';
COMMENT ON COLUMN tcn_fresh.received_hour IS 'When it was received, to the hour.';

CREATE TABLE tcn_report (
    rvk bytea NOT NULL PRIMARY KEY CONSTRAINT tcn_report_rvk CHECK (length(rvk) = 32),
    signed_report bytea NOT NULL,
    raw_report_type smallint NOT NULL,
    authority text NOT NULL,
    kid text NOT NULL,
    origin smallint NOT NULL
);
COMMENT ON TABLE tcn_report IS 'Reports of which at least one publication is sealed, without the hour of receipt.';
COMMENT ON COLUMN tcn_report.rvk IS 'The report verification key: its identity.';
COMMENT ON COLUMN tcn_report.signed_report IS 'The signed report, as received.';
COMMENT ON COLUMN tcn_report.raw_report_type IS 'The certificate''s report type.';
COMMENT ON COLUMN tcn_report.authority IS 'The authority that certified it.';
COMMENT ON COLUMN tcn_report.kid IS 'The key that signed the certificate.';
COMMENT ON COLUMN tcn_report.origin IS 'Who received it.';

-- A key is fresh or sealed, never both. Whoever writes a fresh key while a seal moves the same one waits for the seal, whose work the statement
-- does not see: it began earlier. The trigger does, and has the statement tried again, which then finds the key known.
CREATE FUNCTION gaen_fresh_is_not_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added WHERE (SELECT true FROM gaen_key WHERE gaen_key.key = added.key)) THEN
        RAISE EXCEPTION 'a key was sealed meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER gaen_fresh_is_not_sealed AFTER INSERT ON gaen_fresh REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION gaen_fresh_is_not_sealed();

CREATE FUNCTION tcn_fresh_is_not_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added WHERE (SELECT true FROM tcn_report WHERE tcn_report.rvk = added.rvk)) THEN
        RAISE EXCEPTION 'a report was sealed meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER tcn_fresh_is_not_sealed AFTER INSERT ON tcn_fresh REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION tcn_fresh_is_not_sealed();

CREATE TABLE gaen_waiting (
    feed integer NOT NULL,
    key bytea NOT NULL CONSTRAINT gaen_waiting_key CHECK (length(key) = 16),
    revision integer NOT NULL CONSTRAINT gaen_waiting_revision CHECK (revision >= 0),
    class bigint NOT NULL,
    rolling_start bigint NOT NULL,
    rolling_period smallint NOT NULL CONSTRAINT gaen_waiting_rolling_period CHECK (rolling_period BETWEEN 1 AND 144),
    transmission_risk smallint NOT NULL CONSTRAINT gaen_waiting_transmission_risk CHECK (transmission_risk BETWEEN 0 AND 8),
    report_type smallint NOT NULL CONSTRAINT gaen_waiting_report_type CHECK (report_type IN (1, 2, 3, 5)),
    days_since_onset smallint CONSTRAINT gaen_waiting_days_since_onset CHECK (days_since_onset BETWEEN -14 AND 14),
    policy_version integer NOT NULL,
    release_at bigint NOT NULL
        CONSTRAINT gaen_waiting_release_grain CHECK (release_at % 900 = 0)
        CONSTRAINT gaen_waiting_replay_guard CHECK (release_at >= (rolling_start + rolling_period) * 600 + 7200),
    PRIMARY KEY (feed, key, revision)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
COMMENT ON TABLE gaen_waiting IS 'Publications of keys that wait for their feed''s next bundle.';
COMMENT ON COLUMN gaen_waiting.feed IS 'Where it will be published.';
COMMENT ON COLUMN gaen_waiting.key IS 'Which key.';
COMMENT ON COLUMN gaen_waiting.revision IS '0 for the first publication in this feed; more for revised ones.';
COMMENT ON COLUMN gaen_waiting.class IS 'The metadata class: bundles are ordered by it.';
COMMENT ON COLUMN gaen_waiting.rolling_start IS 'The first interval in which the key was broadcast.';
COMMENT ON COLUMN gaen_waiting.rolling_period IS 'For how many intervals.';
COMMENT ON COLUMN gaen_waiting.transmission_risk IS 'transmission_risk_level as published.';
COMMENT ON COLUMN gaen_waiting.report_type IS 'report_type as published.';
COMMENT ON COLUMN gaen_waiting.days_since_onset IS 'days_since_onset_of_symptoms as published; NULL if it is left out.';
COMMENT ON COLUMN gaen_waiting.policy_version IS 'The authority''s policy that named the feed.';
COMMENT ON COLUMN gaen_waiting.release_at IS 'Not to be published before: a multiple of a quarter of an hour, at least two hours after the key''s last interval, since until then somebody could broadcast it again.';

CREATE TABLE tcn_waiting (
    feed integer NOT NULL,
    rvk bytea NOT NULL CONSTRAINT tcn_waiting_rvk CHECK (length(rvk) = 32),
    revision integer NOT NULL CONSTRAINT tcn_waiting_revision CHECK (revision >= 0),
    class bigint NOT NULL,
    signed_report bytea NOT NULL CONSTRAINT tcn_waiting_signed_report CHECK (length(signed_report) BETWEEN 134 AND 389),
    report_type smallint NOT NULL CONSTRAINT tcn_waiting_report_type CHECK (report_type IN (1, 2, 3, 5)),
    report_class smallint NOT NULL CONSTRAINT tcn_waiting_report_class CHECK (report_class IN (1, 2)),
    policy_version integer NOT NULL,
    release_at bigint NOT NULL CONSTRAINT tcn_waiting_release_grain CHECK (release_at % 900 = 0),
    PRIMARY KEY (feed, rvk, revision)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
COMMENT ON TABLE tcn_waiting IS 'Publications of reports that wait for their feed''s next bundle.';
COMMENT ON COLUMN tcn_waiting.feed IS 'Where it will be published.';
COMMENT ON COLUMN tcn_waiting.rvk IS 'Which report.';
COMMENT ON COLUMN tcn_waiting.revision IS '0 for the first publication in this feed; more for revised ones.';
COMMENT ON COLUMN tcn_waiting.class IS 'The metadata class: bundles are ordered by it.';
COMMENT ON COLUMN tcn_waiting.signed_report IS 'The signed report as published.';
COMMENT ON COLUMN tcn_waiting.report_type IS 'The report type as published.';
COMMENT ON COLUMN tcn_waiting.report_class IS 'Whose word it is: 1 an authority''s, 2 the person''s own.';
COMMENT ON COLUMN tcn_waiting.policy_version IS 'The authority''s policy that named the feed.';
COMMENT ON COLUMN tcn_waiting.release_at IS 'Not to be published before: a multiple of a quarter of an hour.';

CREATE TABLE bundle (
    feed integer NOT NULL REFERENCES feed (id),
    sequence bigint NOT NULL CONSTRAINT bundle_sequence CHECK (sequence >= 1),
    level integer NOT NULL DEFAULT 0,
    from_sequence bigint NOT NULL,
    start_at bigint NOT NULL,
    end_at bigint NOT NULL,
    count bigint NOT NULL,
    revised bigint NOT NULL,
    filler bigint NOT NULL DEFAULT 0,
    member_digest bytea NOT NULL CONSTRAINT bundle_member_digest CHECK (length(member_digest) = 32),
    format integer NOT NULL,
    sealed_at bigint NOT NULL,
    state text NOT NULL DEFAULT 'sealed' CONSTRAINT bundle_state CHECK (state IN ('sealed', 'published', 'recalled', 'void')),
    export_sha256 bytea CONSTRAINT bundle_export_sha256 CHECK (length(export_sha256) = 32),
    zip_sha256 bytea CONSTRAINT bundle_zip_sha256 CHECK (length(zip_sha256) = 32),
    zip_bytes bigint,
    derived_at bigint,
    listed_number bigint NOT NULL,
    delisted_number bigint CONSTRAINT bundle_numbers CHECK (delisted_number > listed_number),
    PRIMARY KEY (feed, sequence),
    UNIQUE (feed, end_at),
    CONSTRAINT bundle_from_sequence CHECK (from_sequence BETWEEN 1 AND sequence),
    CONSTRAINT bundle_end CHECK (end_at > start_at),
    CONSTRAINT bundle_derived CHECK (
        (export_sha256 IS NULL) = (derived_at IS NULL)
        AND (zip_sha256 IS NULL) = (derived_at IS NULL)
        AND (zip_bytes IS NULL) = (derived_at IS NULL)
    )
);
COMMENT ON TABLE bundle IS 'A bundle. All but state, what was derived, and the numbers that list it is frozen by the seal.';
COMMENT ON COLUMN bundle.feed IS 'Whose bundle.';
COMMENT ON COLUMN bundle.sequence IS 'Its number in the feed, from 1 without gaps.';
COMMENT ON COLUMN bundle.level IS '0 for a bundle that was sealed; more for one that rolls up others.';
COMMENT ON COLUMN bundle.from_sequence IS 'The first sequence whose content it carries.';
COMMENT ON COLUMN bundle.start_at IS 'The end of the bundle before.';
COMMENT ON COLUMN bundle.end_at IS 'Later than its start.';
COMMENT ON COLUMN bundle.count IS 'Ordinary members, filler included.';
COMMENT ON COLUMN bundle.revised IS 'Revised members, filler included.';
COMMENT ON COLUMN bundle.filler IS 'How many of the members are filler.';
COMMENT ON COLUMN bundle.member_digest IS 'SHA-256 over the members in bundle order.';
COMMENT ON COLUMN bundle.format IS 'The container''s version.';
COMMENT ON COLUMN bundle.sealed_at IS 'When it was sealed.';
COMMENT ON COLUMN bundle.state IS 'sealed, then published once a bucket lists it; recalled or void if it had to go.';
COMMENT ON COLUMN bundle.export_sha256 IS 'SHA-256 of export.bin, once it is derived.';
COMMENT ON COLUMN bundle.zip_sha256 IS 'SHA-256 of the zip, once it is derived.';
COMMENT ON COLUMN bundle.zip_bytes IS 'The length of the zip, once it is derived.';
COMMENT ON COLUMN bundle.derived_at IS 'When it was derived.';
COMMENT ON COLUMN bundle.listed_number IS 'The first number that lists it.';
COMMENT ON COLUMN bundle.delisted_number IS 'The first number that no longer lists it; NULL while it is listed.';

CREATE TABLE bundle_signature (
    feed integer NOT NULL,
    sequence bigint NOT NULL,
    position integer NOT NULL,
    key_id text NOT NULL,
    key_version text NOT NULL,
    signature bytea,
    PRIMARY KEY (feed, sequence, position),
    FOREIGN KEY (feed, sequence) REFERENCES bundle (feed, sequence)
);
COMMENT ON TABLE bundle_signature IS 'Who signs a bundle: frozen by the seal; the signatures themselves come when it is derived.';
COMMENT ON COLUMN bundle_signature.feed IS 'Whose bundle.';
COMMENT ON COLUMN bundle_signature.sequence IS 'Which bundle.';
COMMENT ON COLUMN bundle_signature.position IS 'From 0, the active key first.';
COMMENT ON COLUMN bundle_signature.key_id IS 'verification_key_id.';
COMMENT ON COLUMN bundle_signature.key_version IS 'verification_key_version.';
COMMENT ON COLUMN bundle_signature.signature IS 'The signature, once it is derived.';

CREATE TABLE bundle_bucket (
    feed integer NOT NULL,
    sequence bigint NOT NULL,
    bucket text NOT NULL,
    put_at bigint NOT NULL,
    listed_at bigint,
    delisted_at bigint,
    deleted_at bigint,
    PRIMARY KEY (feed, sequence, bucket),
    FOREIGN KEY (feed, sequence) REFERENCES bundle (feed, sequence)
);
COMMENT ON TABLE bundle_bucket IS 'What became of a bundle in a bucket.';
COMMENT ON COLUMN bundle_bucket.feed IS 'Whose bundle.';
COMMENT ON COLUMN bundle_bucket.sequence IS 'Which bundle.';
COMMENT ON COLUMN bundle_bucket.bucket IS 'The bucket''s name.';
COMMENT ON COLUMN bundle_bucket.put_at IS 'When its object was put and read back.';
COMMENT ON COLUMN bundle_bucket.listed_at IS 'When the bucket''s index and manifest began to list it.';
COMMENT ON COLUMN bundle_bucket.delisted_at IS 'When they ceased to.';
COMMENT ON COLUMN bundle_bucket.deleted_at IS 'When its object was deleted.';

CREATE TABLE gaen_publication (
    feed integer NOT NULL,
    sequence bigint NOT NULL,
    revised boolean NOT NULL,
    class bigint NOT NULL,
    key bytea NOT NULL CONSTRAINT gaen_publication_key CHECK (length(key) = 16),
    rolling_start bigint NOT NULL,
    rolling_period smallint NOT NULL,
    transmission_risk smallint NOT NULL,
    report_type smallint NOT NULL,
    days_since_onset smallint,
    revision integer NOT NULL,
    policy_version integer NOT NULL,
    PRIMARY KEY (feed, sequence, revised, class, key)
);
COMMENT ON TABLE gaen_publication IS 'Sealed publications of keys, written in bundle order. A seal writes them before their bundle''s row, within one transaction, so that there is no foreign key.';
COMMENT ON COLUMN gaen_publication.feed IS 'Where it is published.';
COMMENT ON COLUMN gaen_publication.sequence IS 'In which bundle.';
COMMENT ON COLUMN gaen_publication.revised IS 'Whether it stands among the revised members, after the ordinary ones.';
COMMENT ON COLUMN gaen_publication.class IS 'The metadata class.';
COMMENT ON COLUMN gaen_publication.key IS 'Which key.';
COMMENT ON COLUMN gaen_publication.rolling_start IS 'The first interval in which the key was broadcast.';
COMMENT ON COLUMN gaen_publication.rolling_period IS 'For how many intervals.';
COMMENT ON COLUMN gaen_publication.transmission_risk IS 'transmission_risk_level.';
COMMENT ON COLUMN gaen_publication.report_type IS 'report_type.';
COMMENT ON COLUMN gaen_publication.days_since_onset IS 'days_since_onset_of_symptoms; NULL if it is left out.';
COMMENT ON COLUMN gaen_publication.revision IS '0 for the first publication in this feed; more for revised ones.';
COMMENT ON COLUMN gaen_publication.policy_version IS 'The authority''s policy that named the feed.';

CREATE TABLE tcn_publication (
    feed integer NOT NULL,
    sequence bigint NOT NULL,
    revised boolean NOT NULL,
    class bigint NOT NULL,
    rvk bytea NOT NULL CONSTRAINT tcn_publication_rvk CHECK (length(rvk) = 32),
    signed_report bytea NOT NULL,
    report_type smallint NOT NULL,
    report_class smallint NOT NULL,
    revision integer NOT NULL,
    policy_version integer NOT NULL,
    PRIMARY KEY (feed, sequence, revised, class, rvk)
);
COMMENT ON TABLE tcn_publication IS 'Sealed publications of reports, written in bundle order. Ordering by rvk is ordering by bytes: a report begins with its rvk, and has it to itself.';
COMMENT ON COLUMN tcn_publication.feed IS 'Where it is published.';
COMMENT ON COLUMN tcn_publication.sequence IS 'In which bundle.';
COMMENT ON COLUMN tcn_publication.revised IS 'Whether it stands among the revised members, after the ordinary ones.';
COMMENT ON COLUMN tcn_publication.class IS 'The metadata class.';
COMMENT ON COLUMN tcn_publication.rvk IS 'Which report.';
COMMENT ON COLUMN tcn_publication.signed_report IS 'The signed report.';
COMMENT ON COLUMN tcn_publication.report_type IS 'The report type.';
COMMENT ON COLUMN tcn_publication.report_class IS 'Whose word it is.';
COMMENT ON COLUMN tcn_publication.revision IS '0 for the first publication in this feed; more for revised ones.';
COMMENT ON COLUMN tcn_publication.policy_version IS 'The authority''s policy that named the feed.';

COMMENT ON TABLE refinery_keys_history IS 'The migrations of the key database that ran.';
COMMENT ON COLUMN refinery_keys_history.version IS 'Its number.';
COMMENT ON COLUMN refinery_keys_history.name IS 'Its name.';
COMMENT ON COLUMN refinery_keys_history.applied_on IS 'When it ran.';
COMMENT ON COLUMN refinery_keys_history.checksum IS 'Over its name, number and text.';

-- The server adds keys and learns of each whether it is known; it reads nothing else of them, changes nothing and deletes nothing. Whose
-- certificates are believed is for the owner to say, through server authority add.
GRANT SELECT ON refinery_keys_history, authority, authority_region, authority_key TO pratique_server;
GRANT SELECT (id, path, kind) ON feed TO pratique_server;
GRANT SELECT (key) ON gaen_fresh, gaen_key TO pratique_server;
GRANT SELECT (rvk) ON tcn_fresh, tcn_report TO pratique_server;
GRANT INSERT ON gaen_fresh, gaen_waiting, tcn_fresh, tcn_waiting TO pratique_server;

-- The exporter moves what waits into bundles and notes what became of them. What is sealed it cannot change, and authorities it cannot see.
GRANT SELECT ON refinery_keys_history, feed, feed_number, announced_key, bundle, bundle_signature, bundle_bucket, gaen_publication,
    tcn_publication TO pratique_exporter;
GRANT UPDATE (number, next_sequence, last_end) ON feed TO pratique_exporter;
GRANT INSERT ON feed_number, announced_key, bundle, bundle_signature, bundle_bucket, gaen_key, gaen_publication, tcn_report, tcn_publication
    TO pratique_exporter;
GRANT UPDATE (to_number) ON announced_key TO pratique_exporter;
GRANT UPDATE (state, export_sha256, zip_sha256, zip_bytes, derived_at, delisted_number) ON bundle TO pratique_exporter;
GRANT UPDATE (signature) ON bundle_signature TO pratique_exporter;
GRANT UPDATE (listed_at, delisted_at, deleted_at) ON bundle_bucket TO pratique_exporter;
GRANT UPDATE ON seal_lock TO pratique_exporter;
GRANT SELECT, DELETE ON gaen_fresh, gaen_waiting, tcn_fresh, tcn_waiting TO pratique_exporter;
-- Publications of a sealed key that wait in other feeds are written anew.
GRANT INSERT ON gaen_waiting, tcn_waiting TO pratique_exporter;
