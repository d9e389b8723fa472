-- The key database of Pratique.
--
-- Moments are UTC seconds since 1970. Intervals are the ten-minute numbers of GAEN. Nothing in here says which keys came together: there is no
-- row for an upload, no serial id on anything that belongs to a person, no certificate and no commitment, and times are coarse.
--
-- A key or report passes through three pairs of tables. Fresh and waiting hold what no bundle carries yet; they are small, and every seal
-- rewrites them. What it seals moves to key (or report) and publication, which are only ever filled in the order of their own bytes, so that
-- the place of a row in the file tells nothing about who uploaded it.

-- A health authority whose certificates are believed.
CREATE TABLE authority (
    -- Its slug, lower case.
    id TEXT NOT NULL PRIMARY KEY CONSTRAINT authority_id CHECK (length(id) BETWEEN 1 AND 64),
    -- `iss` of its certificates.
    issuer TEXT NOT NULL,
    -- `aud` of its certificates.
    audience TEXT NOT NULL,
    -- From 1, rises with every change of issuer, audience, regions or keys.
    policy_version INTEGER NOT NULL CONSTRAINT authority_policy_version CHECK (policy_version >= 1),
    -- When it was first registered.
    registered_at INTEGER NOT NULL,
    -- From when on it is believed no more; NULL while it is.
    disabled_at INTEGER
) STRICT, WITHOUT ROWID;

-- The regions of an authority: its keys reach the verified feeds of each.
CREATE TABLE authority_region (
    -- Whose region.
    authority TEXT NOT NULL REFERENCES authority (id),
    -- The region, as in feed paths.
    region TEXT NOT NULL,
    PRIMARY KEY (authority, region)
) STRICT, WITHOUT ROWID;

-- The keys under which an authority's certificates are checked.
CREATE TABLE authority_key (
    -- Whose key.
    authority TEXT NOT NULL REFERENCES authority (id),
    -- Its RFC 7638 thumbprint.
    kid TEXT NOT NULL,
    -- `EdDSA` or `ES256`: the algorithm belongs to the key, no header is asked.
    algorithm TEXT NOT NULL CONSTRAINT authority_key_algorithm CHECK (algorithm IN ('EdDSA', 'ES256')),
    -- SubjectPublicKeyInfo in PEM.
    public_key TEXT NOT NULL,
    -- From when on nothing is believed under this key; NULL while it is.
    denied_since INTEGER,
    PRIMARY KEY (authority, kid)
) STRICT, WITHOUT ROWID;

-- A feed: what a phone subscribes to.
CREATE TABLE feed (
    -- A short name for the rows below; it says nothing about people.
    id INTEGER NOT NULL PRIMARY KEY,
    -- `{region}/{kind}[-{role}]`.
    path TEXT NOT NULL UNIQUE,
    -- The region.
    region TEXT NOT NULL,
    -- `gaen` or `tcn`.
    kind TEXT NOT NULL CONSTRAINT feed_kind CHECK (kind IN ('gaen', 'tcn')),
    -- `verified`, `self` or `origin`.
    role TEXT NOT NULL CONSTRAINT feed_role CHECK (role IN ('verified', 'self', 'origin')),
    -- When it was created, to the hour: the start of its first bundle.
    created_at INTEGER NOT NULL,
    -- The number of its newest index and manifest.
    number INTEGER NOT NULL DEFAULT 0,
    -- The sequence that its next bundle gets; bundles are numbered from 1 without gaps.
    next_sequence INTEGER NOT NULL DEFAULT 1,
    -- The end of its newest bundle, and so the start of the next one.
    last_end INTEGER NOT NULL,
    UNIQUE (region, kind, role)
) STRICT;

-- The numbers that a feed has taken. With the numbers on bundle and announced_key, what an index and a manifest say at any number is a
-- function of that number and of rows that never change.
CREATE TABLE feed_number (
    -- Whose number.
    feed INTEGER NOT NULL REFERENCES feed (id),
    -- From 0 without gaps.
    number INTEGER NOT NULL,
    -- When it was taken: the manifest's time. It never runs backwards.
    taken_at INTEGER NOT NULL,
    -- What made it necessary.
    reason TEXT NOT NULL CONSTRAINT feed_number_reason CHECK (reason IN ('create', 'seal', 'announce', 'recall', 'delist', 'adopt')),
    PRIMARY KEY (feed, number)
) STRICT, WITHOUT ROWID;

-- The keys that a feed's manifest announces, from one number to another.
CREATE TABLE announced_key (
    -- Whose manifest.
    feed INTEGER NOT NULL REFERENCES feed (id),
    -- The first number that announces it.
    from_number INTEGER NOT NULL,
    -- `current` signs now, `next` will.
    usage TEXT NOT NULL CONSTRAINT announced_key_usage CHECK (usage IN ('current', 'next')),
    -- `verification_key_id` as it stands in bundles.
    key_id TEXT NOT NULL,
    -- `verification_key_version` as it stands in bundles.
    key_version TEXT NOT NULL,
    -- SubjectPublicKeyInfo in DER.
    spki BLOB NOT NULL,
    -- From when on it signs.
    not_before INTEGER NOT NULL,
    -- The first number that no longer announces it; NULL while it is announced.
    to_number INTEGER CONSTRAINT announced_key_numbers CHECK (to_number > from_number),
    PRIMARY KEY (feed, from_number, usage, key_id, key_version)
) STRICT, WITHOUT ROWID;

-- Keys of which no publication has been sealed yet: what was said of them, and by whom. No foreign keys here and on the waiting tables: a
-- table without them is emptied in one stroke, page by page, which overwrites the order in which its rows came.
CREATE TABLE gaen_fresh (
    -- The 16 key bytes: its identity.
    key BLOB NOT NULL PRIMARY KEY CONSTRAINT gaen_fresh_key CHECK (length(key) = 16),
    -- The first interval in which it was broadcast.
    rolling_start INTEGER NOT NULL,
    -- For how many intervals.
    rolling_period INTEGER NOT NULL CONSTRAINT gaen_fresh_rolling_period CHECK (rolling_period BETWEEN 1 AND 144),
    -- `transmissionRisk` as sent.
    raw_transmission_risk INTEGER NOT NULL,
    -- The certificate's report type: 1 confirmed, 2 likely, 3 user report, 5 negative.
    raw_report_type INTEGER NOT NULL CONSTRAINT gaen_fresh_report_type CHECK (raw_report_type IN (1, 2, 3, 5)),
    -- The day of the onset, as the interval of its UTC midnight: a finer moment could be one person's alone.
    onset INTEGER NOT NULL CONSTRAINT gaen_fresh_onset CHECK (onset % 144 = 0),
    -- Who named the onset: 1 the request, 2 the certificate, 3 nobody.
    onset_source INTEGER NOT NULL CONSTRAINT gaen_fresh_onset_source CHECK (onset_source IN (1, 2, 3)),
    -- The authority that certified it.
    authority TEXT NOT NULL,
    -- The key that signed the certificate.
    kid TEXT NOT NULL,
    -- Who received it: 1 this server, 2 a peer.
    origin INTEGER NOT NULL CONSTRAINT gaen_fresh_origin CHECK (origin IN (1, 2)),
    -- When it was received, to the hour.
    received_hour INTEGER NOT NULL CONSTRAINT gaen_fresh_received_hour CHECK (received_hour % 3600 = 0)
) STRICT, WITHOUT ROWID;

-- Keys of which at least one publication is sealed. The columns are those of gaen_fresh, without the hour of receipt: in a quiet hour one
-- person may have been the only one.
CREATE TABLE gaen_key (
    -- The 16 key bytes: its identity.
    key BLOB NOT NULL PRIMARY KEY CONSTRAINT gaen_key_key CHECK (length(key) = 16),
    -- The first interval in which it was broadcast.
    rolling_start INTEGER NOT NULL,
    -- For how many intervals.
    rolling_period INTEGER NOT NULL,
    -- `transmissionRisk` as sent.
    raw_transmission_risk INTEGER NOT NULL,
    -- The certificate's report type.
    raw_report_type INTEGER NOT NULL,
    -- The day of the onset, as the interval of its UTC midnight.
    onset INTEGER NOT NULL,
    -- Who named the onset.
    onset_source INTEGER NOT NULL,
    -- The authority that certified it.
    authority TEXT NOT NULL,
    -- The key that signed the certificate.
    kid TEXT NOT NULL,
    -- Who received it.
    origin INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Reports of which no publication has been sealed yet.
CREATE TABLE tcn_fresh (
    -- The report verification key: its identity.
    rvk BLOB NOT NULL PRIMARY KEY CONSTRAINT tcn_fresh_rvk CHECK (length(rvk) = 32),
    -- The signed report, as received.
    signed_report BLOB NOT NULL CONSTRAINT tcn_fresh_signed_report CHECK (length(signed_report) BETWEEN 134 AND 389),
    -- The certificate's report type: 1 confirmed, 2 likely, 3 user report, 5 negative.
    raw_report_type INTEGER NOT NULL CONSTRAINT tcn_fresh_report_type CHECK (raw_report_type IN (1, 2, 3, 5)),
    -- The authority that certified it.
    authority TEXT NOT NULL,
    -- The key that signed the certificate.
    kid TEXT NOT NULL,
    -- Who received it: 1 this server, 2 a peer.
    origin INTEGER NOT NULL CONSTRAINT tcn_fresh_origin CHECK (origin IN (1, 2)),
    -- When it was received, to the hour.
    received_hour INTEGER NOT NULL CONSTRAINT tcn_fresh_received_hour CHECK (received_hour % 3600 = 0)
) STRICT, WITHOUT ROWID;

-- Reports of which at least one publication is sealed, without the hour of receipt.
CREATE TABLE tcn_report (
    -- The report verification key: its identity.
    rvk BLOB NOT NULL PRIMARY KEY CONSTRAINT tcn_report_rvk CHECK (length(rvk) = 32),
    -- The signed report, as received.
    signed_report BLOB NOT NULL,
    -- The certificate's report type.
    raw_report_type INTEGER NOT NULL,
    -- The authority that certified it.
    authority TEXT NOT NULL,
    -- The key that signed the certificate.
    kid TEXT NOT NULL,
    -- Who received it.
    origin INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Publications of keys that wait for their feed's next bundle.
CREATE TABLE gaen_waiting (
    -- Where it will be published.
    feed INTEGER NOT NULL,
    -- Which key.
    key BLOB NOT NULL CONSTRAINT gaen_waiting_key CHECK (length(key) = 16),
    -- 0 for the first publication in this feed; more for revised ones.
    revision INTEGER NOT NULL CONSTRAINT gaen_waiting_revision CHECK (revision >= 0),
    -- The metadata class: bundles are ordered by it.
    class INTEGER NOT NULL,
    -- The first interval in which the key was broadcast.
    rolling_start INTEGER NOT NULL,
    -- For how many intervals.
    rolling_period INTEGER NOT NULL CONSTRAINT gaen_waiting_rolling_period CHECK (rolling_period BETWEEN 1 AND 144),
    -- `transmission_risk_level` as published.
    transmission_risk INTEGER NOT NULL CONSTRAINT gaen_waiting_transmission_risk CHECK (transmission_risk BETWEEN 0 AND 8),
    -- `report_type` as published.
    report_type INTEGER NOT NULL CONSTRAINT gaen_waiting_report_type CHECK (report_type IN (1, 2, 3, 5)),
    -- `days_since_onset_of_symptoms` as published; NULL if it is left out.
    days_since_onset INTEGER CONSTRAINT gaen_waiting_days_since_onset CHECK (days_since_onset BETWEEN -14 AND 14),
    -- The authority's policy that named the feed.
    policy_version INTEGER NOT NULL,
    -- Not to be published before: a multiple of a quarter of an hour, at least two hours after the key's last interval, since until then
    -- somebody could broadcast it again.
    release_at INTEGER NOT NULL
        CONSTRAINT gaen_waiting_release_grain CHECK (release_at % 900 = 0)
        CONSTRAINT gaen_waiting_replay_guard CHECK (release_at >= (rolling_start + rolling_period) * 600 + 7200),
    PRIMARY KEY (feed, key, revision)
) STRICT, WITHOUT ROWID;

-- Publications of reports that wait for their feed's next bundle.
CREATE TABLE tcn_waiting (
    -- Where it will be published.
    feed INTEGER NOT NULL,
    -- Which report.
    rvk BLOB NOT NULL CONSTRAINT tcn_waiting_rvk CHECK (length(rvk) = 32),
    -- 0 for the first publication in this feed; more for revised ones.
    revision INTEGER NOT NULL CONSTRAINT tcn_waiting_revision CHECK (revision >= 0),
    -- The metadata class: bundles are ordered by it.
    class INTEGER NOT NULL,
    -- The signed report as published.
    signed_report BLOB NOT NULL CONSTRAINT tcn_waiting_signed_report CHECK (length(signed_report) BETWEEN 134 AND 389),
    -- The report type as published.
    report_type INTEGER NOT NULL CONSTRAINT tcn_waiting_report_type CHECK (report_type IN (1, 2, 3, 5)),
    -- Whose word it is: 1 an authority's, 2 the person's own.
    report_class INTEGER NOT NULL CONSTRAINT tcn_waiting_report_class CHECK (report_class IN (1, 2)),
    -- The authority's policy that named the feed.
    policy_version INTEGER NOT NULL,
    -- Not to be published before: a multiple of a quarter of an hour.
    release_at INTEGER NOT NULL CONSTRAINT tcn_waiting_release_grain CHECK (release_at % 900 = 0),
    PRIMARY KEY (feed, rvk, revision)
) STRICT, WITHOUT ROWID;

-- A bundle. All but state, what was derived, and the numbers that list it is frozen by the seal.
CREATE TABLE bundle (
    -- Whose bundle.
    feed INTEGER NOT NULL REFERENCES feed (id),
    -- Its number in the feed, from 1 without gaps.
    sequence INTEGER NOT NULL CONSTRAINT bundle_sequence CHECK (sequence >= 1),
    -- 0 for a bundle that was sealed; more for one that rolls up others.
    level INTEGER NOT NULL DEFAULT 0,
    -- The first sequence whose content it carries.
    from_sequence INTEGER NOT NULL CONSTRAINT bundle_from_sequence CHECK (from_sequence BETWEEN 1 AND sequence),
    -- The end of the bundle before.
    start_at INTEGER NOT NULL,
    -- Later than its start.
    end_at INTEGER NOT NULL CONSTRAINT bundle_end CHECK (end_at > start_at),
    -- Ordinary members, filler included.
    count INTEGER NOT NULL,
    -- Revised members, filler included.
    revised INTEGER NOT NULL,
    -- How many of the members are filler.
    filler INTEGER NOT NULL DEFAULT 0,
    -- SHA-256 over the members in bundle order.
    member_digest BLOB NOT NULL CONSTRAINT bundle_member_digest CHECK (length(member_digest) = 32),
    -- The container's version.
    format INTEGER NOT NULL,
    -- When it was sealed.
    sealed_at INTEGER NOT NULL,
    -- `sealed`, then `published` once a bucket lists it; `recalled` or `void` if it had to go.
    state TEXT NOT NULL DEFAULT 'sealed' CONSTRAINT bundle_state CHECK (state IN ('sealed', 'published', 'recalled', 'void')),
    -- SHA-256 of export.bin, once it is derived.
    export_sha256 BLOB CONSTRAINT bundle_export_sha256 CHECK (length(export_sha256) = 32),
    -- SHA-256 of the zip, once it is derived.
    zip_sha256 BLOB CONSTRAINT bundle_zip_sha256 CHECK (length(zip_sha256) = 32),
    -- The length of the zip, once it is derived.
    zip_bytes INTEGER,
    -- When it was derived.
    derived_at INTEGER,
    -- The first number that lists it.
    listed_number INTEGER NOT NULL,
    -- The first number that no longer lists it; NULL while it is listed.
    delisted_number INTEGER CONSTRAINT bundle_numbers CHECK (delisted_number > listed_number),
    PRIMARY KEY (feed, sequence),
    UNIQUE (feed, end_at),
    CONSTRAINT bundle_derived CHECK (
        (export_sha256 IS NULL) = (derived_at IS NULL)
        AND (zip_sha256 IS NULL) = (derived_at IS NULL)
        AND (zip_bytes IS NULL) = (derived_at IS NULL)
    )
) STRICT, WITHOUT ROWID;

-- Who signs a bundle: frozen by the seal; the signatures themselves come when it is derived.
CREATE TABLE bundle_signature (
    -- Whose bundle.
    feed INTEGER NOT NULL,
    -- Which bundle.
    sequence INTEGER NOT NULL,
    -- From 0, the active key first.
    position INTEGER NOT NULL,
    -- `verification_key_id`.
    key_id TEXT NOT NULL,
    -- `verification_key_version`.
    key_version TEXT NOT NULL,
    -- The signature, once it is derived.
    signature BLOB,
    PRIMARY KEY (feed, sequence, position),
    FOREIGN KEY (feed, sequence) REFERENCES bundle (feed, sequence)
) STRICT, WITHOUT ROWID;

-- What became of a bundle in a bucket.
CREATE TABLE bundle_bucket (
    -- Whose bundle.
    feed INTEGER NOT NULL,
    -- Which bundle.
    sequence INTEGER NOT NULL,
    -- The bucket's name.
    bucket TEXT NOT NULL,
    -- When its object was put and read back.
    put_at INTEGER NOT NULL,
    -- When the bucket's index and manifest began to list it.
    listed_at INTEGER,
    -- When they ceased to.
    delisted_at INTEGER,
    -- When its object was deleted.
    deleted_at INTEGER,
    PRIMARY KEY (feed, sequence, bucket),
    FOREIGN KEY (feed, sequence) REFERENCES bundle (feed, sequence)
) STRICT, WITHOUT ROWID;

-- Sealed publications of keys, in bundle order: a bundle is one stretch of this table. A seal writes them before their bundle's row, within
-- one transaction, so that there is no foreign key.
CREATE TABLE gaen_publication (
    -- Where it is published.
    feed INTEGER NOT NULL,
    -- In which bundle.
    sequence INTEGER NOT NULL,
    -- 0 among the ordinary members, 1 among the revised ones.
    revised INTEGER NOT NULL CONSTRAINT gaen_publication_revised CHECK (revised IN (0, 1)),
    -- The metadata class.
    class INTEGER NOT NULL,
    -- Which key.
    key BLOB NOT NULL CONSTRAINT gaen_publication_key CHECK (length(key) = 16),
    -- The first interval in which the key was broadcast.
    rolling_start INTEGER NOT NULL,
    -- For how many intervals.
    rolling_period INTEGER NOT NULL,
    -- `transmission_risk_level`.
    transmission_risk INTEGER NOT NULL,
    -- `report_type`.
    report_type INTEGER NOT NULL,
    -- `days_since_onset_of_symptoms`; NULL if it is left out.
    days_since_onset INTEGER,
    -- 0 for the first publication in this feed; more for revised ones.
    revision INTEGER NOT NULL,
    -- The authority's policy that named the feed.
    policy_version INTEGER NOT NULL,
    PRIMARY KEY (feed, sequence, revised, class, key)
) STRICT, WITHOUT ROWID;

-- Sealed publications of reports, in bundle order. Ordering by rvk is ordering by bytes: a report begins with its rvk, and has it to itself.
CREATE TABLE tcn_publication (
    -- Where it is published.
    feed INTEGER NOT NULL,
    -- In which bundle.
    sequence INTEGER NOT NULL,
    -- 0 among the ordinary members, 1 among the revised ones.
    revised INTEGER NOT NULL CONSTRAINT tcn_publication_revised CHECK (revised IN (0, 1)),
    -- The metadata class.
    class INTEGER NOT NULL,
    -- Which report.
    rvk BLOB NOT NULL CONSTRAINT tcn_publication_rvk CHECK (length(rvk) = 32),
    -- The signed report.
    signed_report BLOB NOT NULL,
    -- The report type.
    report_type INTEGER NOT NULL,
    -- Whose word it is.
    report_class INTEGER NOT NULL,
    -- 0 for the first publication in this feed; more for revised ones.
    revision INTEGER NOT NULL,
    -- The authority's policy that named the feed.
    policy_version INTEGER NOT NULL,
    PRIMARY KEY (feed, sequence, revised, class, rvk)
) STRICT, WITHOUT ROWID;
