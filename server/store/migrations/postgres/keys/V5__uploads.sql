-- What is counted of uploads, for statistics, and what it takes to notice that a key is known with other values.
--
-- A count is written in the transaction of the upload. So the transaction number of a counter's row is that of the last upload that it counted, as it
-- is of the rows that wait; sealed rows have others, and nothing in a counter says which keys it was about.

-- Who counts locks a row until the commit has reached the disk, so that a day has several rows, and the connection says which: nothing about the
-- upload does. Half of a page stays free for new versions of its rows, and what they replace is removed early.
CREATE TABLE upload_count (
    authority text NOT NULL,
    day integer NOT NULL,
    stripe smallint NOT NULL,
    key_uploads bigint NOT NULL CONSTRAINT upload_count_key_uploads CHECK (key_uploads >= 0),
    keys bigint NOT NULL CONSTRAINT upload_count_keys CHECK (keys >= 0),
    revisions bigint NOT NULL CONSTRAINT upload_count_revisions CHECK (revisions >= 0),
    ages integer[] NOT NULL CONSTRAINT upload_count_ages CHECK (array_ndims(ages) = 1 AND cardinality(ages) = 16),
    onsets integer[] NOT NULL CONSTRAINT upload_count_onsets CHECK (array_ndims(onsets) = 1 AND cardinality(onsets) = 31),
    report_uploads bigint NOT NULL CONSTRAINT upload_count_report_uploads CHECK (report_uploads >= 0),
    reports bigint NOT NULL CONSTRAINT upload_count_reports CHECK (reports >= 0),
    PRIMARY KEY (authority, day, stripe)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
COMMENT ON TABLE upload_count IS 'How often something happened, and how much of it there was.';
COMMENT ON COLUMN upload_count.authority IS 'The authority that certified it.';
COMMENT ON COLUMN upload_count.day IS 'The UTC day of receipt, in days since 1970.';
COMMENT ON COLUMN upload_count.stripe IS 'The process that served the connection, modulo 16.';
COMMENT ON COLUMN upload_count.key_uploads IS 'People who uploaded keys and had not uploaded before: uploads of which no key was known.';
COMMENT ON COLUMN upload_count.keys IS 'Keys that were new.';
COMMENT ON COLUMN upload_count.revisions IS 'People who revised.';
COMMENT ON COLUMN upload_count.ages IS 'The people of key_uploads, by the age of their oldest key: 0 to 14 days, and all that is older.';
COMMENT ON COLUMN upload_count.onsets IS 'The same people by the days since their onset: 0 to 28, all that is longer ago, and last, that nobody named one.';
COMMENT ON COLUMN upload_count.report_uploads IS 'People who uploaded reports and had not uploaded before.';
COMMENT ON COLUMN upload_count.reports IS 'Reports that were new.';

GRANT SELECT, INSERT, DELETE ON upload_count TO pratique_server;
GRANT UPDATE (key_uploads, keys, revisions, ages, onsets, report_uploads, reports) ON upload_count TO pratique_server;

-- Whether a key that is known comes with another start, period or origin, and a report with other bytes: no more is read of either.
GRANT SELECT (rolling_start, rolling_period, origin) ON gaen_fresh, gaen_key TO pratique_server;
GRANT SELECT (signed_report) ON tcn_fresh, tcn_report TO pratique_server;
