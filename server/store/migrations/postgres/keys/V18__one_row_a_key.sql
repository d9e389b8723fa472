-- A sealed key is one row. What was said of it stood in a table of its own, beside the publication, so that a seal wrote each key twice and kept
-- one more index; now the first publication of a key carries it.
--
-- It must outlive that publication while something else is about the same key: then it is kept in the table where all of it was. What is known of
-- sealed keys is a view over both, under the name that the table had. Nothing is copied here: what was sealed before stays where it is.

ALTER TABLE gaen_publication
    ADD COLUMN raw_transmission_risk smallint,
    ADD COLUMN raw_report_type smallint,
    ADD COLUMN onset bigint,
    ADD COLUMN onset_source smallint,
    ADD COLUMN origin smallint,
    ADD COLUMN proof bigint,
    ADD COLUMN authority text,
    ADD COLUMN kid text;
COMMENT ON TABLE gaen_publication IS 'Sealed publications of keys, written in bundle order, and with the first one of each key what was said of it. A seal writes them before their bundle''s row, within one transaction, so that there is no foreign key.';
COMMENT ON COLUMN gaen_publication.raw_transmission_risk IS 'transmissionRisk as sent. This column and the following are NULL where the key is known by another row.';
COMMENT ON COLUMN gaen_publication.raw_report_type IS 'The certificate''s report type.';
COMMENT ON COLUMN gaen_publication.onset IS 'The day of the onset, as the interval of its UTC midnight.';
COMMENT ON COLUMN gaen_publication.onset_source IS 'Who named the onset.';
COMMENT ON COLUMN gaen_publication.origin IS 'Who received it.';
COMMENT ON COLUMN gaen_publication.proof IS 'By what the phone that uploaded the key first is known again when it revises it; NULL for keys of before, which nobody revises.';
COMMENT ON COLUMN gaen_publication.authority IS 'The authority that certified it: never NULL where what was said of the key stands here.';
COMMENT ON COLUMN gaen_publication.kid IS 'The key that signed the certificate.';

-- Whatever is sealed was checked where it waited, with all else that is asked of it there.
ALTER TABLE gaen_publication DROP CONSTRAINT gaen_publication_key;
ALTER TABLE tcn_publication DROP CONSTRAINT tcn_publication_rvk;

ALTER TABLE gaen_key RENAME TO gaen_kept;
ALTER INDEX gaen_key_pkey RENAME TO gaen_kept_pkey;
COMMENT ON TABLE gaen_kept IS 'What was said of sealed keys whose first publication is gone, or was taken over from a bundle, or was sealed when all of it stood here.';

CREATE VIEW gaen_key AS
    SELECT key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type, onset, onset_source, authority, kid, origin, proof
    FROM gaen_publication WHERE authority IS NOT NULL
    UNION ALL
    SELECT key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type, onset, onset_source, authority, kid, origin, proof
    FROM gaen_kept;
COMMENT ON VIEW gaen_key IS 'Keys of which something was sealed: each once.';

ALTER TABLE tcn_publication
    ADD COLUMN raw_report_type smallint,
    ADD COLUMN origin smallint,
    ADD COLUMN authority text,
    ADD COLUMN kid text;
COMMENT ON TABLE tcn_publication IS 'Sealed publications of reports, written in bundle order, and with the first one of each report what was said of it. Ordering by rvk is ordering by bytes: a report begins with its rvk, and has it to itself.';
COMMENT ON COLUMN tcn_publication.raw_report_type IS 'The certificate''s report type. This column and the following are NULL where the report is known by another row.';
COMMENT ON COLUMN tcn_publication.origin IS 'Who received it.';
COMMENT ON COLUMN tcn_publication.authority IS 'The authority that certified it: never NULL where what was said of the report stands here.';
COMMENT ON COLUMN tcn_publication.kid IS 'The key that signed the certificate; empty where none was shown.';

ALTER TABLE tcn_report RENAME TO tcn_kept;
ALTER INDEX tcn_report_pkey RENAME TO tcn_kept_pkey;
COMMENT ON TABLE tcn_kept IS 'What was said of sealed reports whose first publication is gone, or was taken over from a bundle, or was sealed when all of it stood here.';

CREATE VIEW tcn_report AS
    SELECT rvk, signed_report, raw_report_type, authority, kid, origin FROM tcn_publication WHERE authority IS NOT NULL
    UNION ALL
    SELECT rvk, signed_report, raw_report_type, authority, kid, origin FROM tcn_kept;
COMMENT ON VIEW tcn_report IS 'Reports of which something was sealed: each once.';

-- Before publications of a bundle are deleted, up to a place in it, what they carry is kept: all of it, or what something else is about. It is
-- written in the order of bytes, and by the owner, since it takes proofs along, which the exporter may not read. How much it was.
CREATE FUNCTION gaen_keep(
    of_feed integer, of_sequence bigint, to_revised boolean, to_class bigint, to_key bytea, everything boolean
) RETURNS bigint LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    WITH kept AS (
        INSERT INTO gaen_kept (key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type,
            onset, onset_source, authority, kid, origin, proof)
        SELECT key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type, onset, onset_source, authority, kid, origin, proof
        FROM gaen_publication AS dying
        WHERE feed = of_feed AND sequence = of_sequence AND (revised, class, key) <= (to_revised, to_class, to_key) AND authority IS NOT NULL
        AND (everything
            OR (SELECT true FROM gaen_publication AS other
                WHERE other.key = dying.key AND (other.feed, other.sequence) <> (of_feed, of_sequence) LIMIT 1)
            OR (SELECT true FROM gaen_waiting AS waiting
                WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.key = dying.key LIMIT 1)
            OR (SELECT true FROM gaen_quarantine AS aside WHERE aside.key = dying.key LIMIT 1))
        ORDER BY key
        RETURNING key
    )
    SELECT count(*) FROM kept;
END;

CREATE FUNCTION tcn_keep(
    of_feed integer, of_sequence bigint, to_revised boolean, to_class bigint, to_rvk bytea, everything boolean
) RETURNS bigint LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    WITH kept AS (
        INSERT INTO tcn_kept (rvk, signed_report, raw_report_type, authority, kid, origin)
        SELECT rvk, signed_report, raw_report_type, authority, kid, origin
        FROM tcn_publication AS dying
        WHERE feed = of_feed AND sequence = of_sequence AND (revised, class, rvk) <= (to_revised, to_class, to_rvk) AND authority IS NOT NULL
        AND (everything
            OR (SELECT true FROM tcn_publication AS other
                WHERE other.rvk = dying.rvk AND (other.feed, other.sequence) <> (of_feed, of_sequence) LIMIT 1)
            OR (SELECT true FROM tcn_waiting AS waiting
                WHERE waiting.feed = ANY (ARRAY(SELECT id FROM feed)) AND waiting.rvk = dying.rvk LIMIT 1)
            OR (SELECT true FROM tcn_quarantine AS aside WHERE aside.rvk = dying.rvk LIMIT 1))
        ORDER BY rvk
        RETURNING rvk
    )
    SELECT count(*) FROM kept;
END;

-- Through the views everybody reads what they read before. What was a table for both is the exporter's alone: it learns keys that it takes over
-- from bundles, and forgets them.
REVOKE ALL ON gaen_kept, tcn_kept FROM pratique_server, pratique_exporter;
GRANT SELECT (key, rolling_start, rolling_period, raw_report_type, origin, proof) ON gaen_key TO pratique_server;
GRANT SELECT (rvk, signed_report) ON tcn_report TO pratique_server;
GRANT SELECT (key, rolling_start, rolling_period, raw_transmission_risk, raw_report_type, onset, onset_source, authority, kid, origin)
    ON gaen_key TO pratique_exporter;
GRANT SELECT (rvk, authority, kid, origin) ON tcn_report TO pratique_exporter;
GRANT SELECT (key, rolling_start, rolling_period), INSERT, DELETE ON gaen_kept TO pratique_exporter;
GRANT SELECT (rvk), INSERT, DELETE ON tcn_kept TO pratique_exporter;
-- Of publications it reads all but proofs.
REVOKE SELECT ON gaen_publication FROM pratique_exporter;
GRANT SELECT (feed, sequence, revised, class, key, rolling_start, rolling_period, transmission_risk, report_type, days_since_onset, revision,
    policy_version, raw_transmission_risk, raw_report_type, onset, onset_source, origin, authority, kid) ON gaen_publication TO pratique_exporter;
REVOKE EXECUTE ON FUNCTION gaen_keep(integer, bigint, boolean, bigint, bytea, boolean),
    tcn_keep(integer, bigint, boolean, bigint, bytea, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gaen_keep(integer, bigint, boolean, bigint, bytea, boolean),
    tcn_keep(integer, bigint, boolean, bigint, bytea, boolean) TO pratique_exporter;
