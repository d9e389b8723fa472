-- How bundles end: 14 days after its end a bundle leaves the list, a day later its objects are deleted, and then its rows.

ALTER TABLE feed ADD COLUMN oldest_number bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN feed.oldest_number IS 'The lowest number whose listing can still be told: of what was listed below it, something is gone.';

-- Where else a key is published: its own row goes with the last of its publications.
CREATE INDEX gaen_publication_key ON gaen_publication (key);
CREATE INDEX tcn_publication_rvk ON tcn_publication (rvk);

COMMENT ON COLUMN bundle_bucket.put_at IS 'When its object was put and read back, or, if nobody noted that, when the bundle was de-listed here.';
COMMENT ON COLUMN bundle_bucket.delisted_at IS 'From when on index and manifest of the bucket name it no more, whether or not they ever did.';

-- What was deleted is gone from the files only after a vacuum, so these tables are vacuumed early, like those that hold what waits.
ALTER TABLE gaen_key SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
ALTER TABLE tcn_report SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
ALTER TABLE gaen_publication SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
ALTER TABLE tcn_publication SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);

-- The exporter deletes what has died. Of keys and reports it learns whether they are there, and nothing that was said of them. The feeds
-- themselves it cannot delete: they remember sequence, end and number.
GRANT UPDATE (oldest_number) ON feed TO pratique_exporter;
GRANT SELECT (key) ON gaen_key TO pratique_exporter;
GRANT SELECT (rvk) ON tcn_report TO pratique_exporter;
GRANT DELETE ON gaen_key, tcn_report, gaen_publication, tcn_publication, bundle, bundle_signature, bundle_bucket, feed_number, announced_key
    TO pratique_exporter;
