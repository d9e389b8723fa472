-- What an upload says of keys that were uploaded before: whose word counts, and where travellers' keys go.

ALTER TABLE gaen_fresh ADD COLUMN proof bigint;
ALTER TABLE gaen_key ADD COLUMN proof bigint;
COMMENT ON COLUMN gaen_fresh.proof IS 'By what the phone that uploaded the key first is known again when it revises it; NULL for keys of before, which nobody revises.';
COMMENT ON COLUMN gaen_key.proof IS 'By what the phone that uploaded the key first is known again when it revises it; NULL for keys of before, which nobody revises.';
COMMENT ON TABLE gaen_fresh IS 'Keys of which no publication has been sealed yet: what was said of them last, and by whom first. One of which nothing waits was taken back: it is known, and never published.';

ALTER TABLE feed ADD COLUMN travellers boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN feed.travellers IS 'Whether it takes the keys of people who travelled, whichever region their authority is responsible for.';

COMMENT ON TABLE seal_lock IS 'Whoever seals holds this table''s lock; it has neither columns nor rows. Locking a table is the one thing that a transaction can do before its snapshot is taken, so that a seal sees all that was committed before the lock and nothing later. Whoever revises holds it in a weaker mode, so that no seal moves what is revised.';

-- The server changes what waits, and takes it back, as the person it is about says. What is sealed it cannot change: nobody can. Of keys it
-- reads whether they are the ones that were revised, and nothing of what tells where they came from.
GRANT INSERT ON seal_lock TO pratique_server;
GRANT SELECT (key, rolling_start, rolling_period, raw_report_type, proof) ON gaen_fresh, gaen_key TO pratique_server;
GRANT UPDATE (raw_transmission_risk, raw_report_type, onset, onset_source) ON gaen_fresh TO pratique_server;
GRANT SELECT (feed, key, revision), UPDATE (class, transmission_risk, report_type, days_since_onset), DELETE ON gaen_waiting TO pratique_server;
GRANT SELECT (feed, key, revision) ON gaen_publication TO pratique_server;
GRANT SELECT (travellers) ON feed TO pratique_server;
