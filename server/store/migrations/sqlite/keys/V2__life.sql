-- How bundles end: 14 days after its end a bundle leaves the list, a day later its objects are deleted, and then its rows.

-- The lowest number whose listing can still be told: of what was listed below it, something is gone.
ALTER TABLE feed ADD COLUMN oldest_number INTEGER NOT NULL DEFAULT 0;

-- Where else a key is published: its own row goes with the last of its publications.
CREATE INDEX gaen_publication_key ON gaen_publication (key);
CREATE INDEX tcn_publication_rvk ON tcn_publication (rvk);

-- Of bundle_bucket these columns say more than before. put_at: when its object was put and read back, or, if nobody noted that, when the bundle
-- was de-listed here. delisted_at: from when on index and manifest of the bucket name it no more, whether or not they ever did.
