-- Quotas, what is counted for them and for statistics, and what of it was shown.
--
-- A count is written in the transaction of what it counts, which writes that code's row too. So the transaction number of a counter's row is
-- that of the last such code's row: whoever has a copy of the database learns nothing from one that the other does not tell, and the key
-- server's database knows neither. Counts of a day are deleted soon after the day was put into steps of ten.

ALTER TABLE authority ADD COLUMN daily_quota bigint CHECK (daily_quota >= 0);
COMMENT ON COLUMN authority.daily_quota IS
    'How many codes it may issue in a UTC day; null: as many as it likes. Self-reports may be as many again.';

-- Who counts locks a row until the commit has reached the disk, so that a day has several rows a kind, and a code's id says which. Half of a
-- page stays free for new versions of its rows, which then need no new entries in the indexes.
CREATE TABLE counter (
    authority text     NOT NULL REFERENCES authority (id),
    day       integer  NOT NULL,
    kind      text     NOT NULL CHECK (kind IN
        ('issued', 'delivered', 'claimed', 'expired', 'certified', 'user-report-issued', 'user-report-claimed')),
    stripe    smallint NOT NULL,
    count     bigint   NOT NULL CHECK (count > 0),
    PRIMARY KEY (authority, day, kind, stripe)
) WITH (fillfactor = 50);
CREATE INDEX counter_by_day ON counter (day);
COMMENT ON TABLE counter IS 'How often something happened.';
COMMENT ON COLUMN counter.authority IS 'Whose codes it happened to.';
COMMENT ON COLUMN counter.day IS 'When, UTC, in days since 1970.';
COMMENT ON COLUMN counter.kind IS 'What.';
COMMENT ON COLUMN counter.stripe IS 'The first byte of the code''s id, modulo 8.';
COMMENT ON COLUMN counter.count IS 'How often, within this stripe.';

CREATE TABLE statistic (
    authority           text    NOT NULL REFERENCES authority (id),
    day                 integer NOT NULL,
    issued              bigint,
    delivered           bigint,
    claimed             bigint,
    expired             bigint,
    certified           bigint,
    user_report_issued  bigint,
    user_report_claimed bigint,
    PRIMARY KEY (authority, day)
);
CREATE INDEX statistic_by_day ON statistic (day);
COMMENT ON TABLE statistic IS
    'What is shown of a day: steps of ten, null what is withheld. Written once, whatever becomes of the counters.';
COMMENT ON COLUMN statistic.authority IS 'Whose codes.';
COMMENT ON COLUMN statistic.day IS 'UTC, in days since 1970.';
COMMENT ON COLUMN statistic.issued IS 'Codes that were issued.';
COMMENT ON COLUMN statistic.delivered IS 'Codes whose text message arrived.';
COMMENT ON COLUMN statistic.claimed IS 'Codes that were claimed.';
COMMENT ON COLUMN statistic.expired IS 'Codes that nobody claimed.';
COMMENT ON COLUMN statistic.certified IS 'Tokens that were exchanged for a certificate.';
COMMENT ON COLUMN statistic.user_report_issued IS 'Codes that people asked for themselves.';
COMMENT ON COLUMN statistic.user_report_claimed IS 'Those that they claimed.';

GRANT SELECT, INSERT, DELETE ON counter, statistic TO pratique_verification;
GRANT UPDATE (count) ON counter TO pratique_verification;
