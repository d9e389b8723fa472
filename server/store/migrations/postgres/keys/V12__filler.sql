-- Filler: synthetic people among those whom a bundle carries when too few came.

ALTER TABLE bundle ADD COLUMN filler_mark bytea CONSTRAINT bundle_filler_mark CHECK (length(filler_mark) = 28);
COMMENT ON COLUMN bundle.filler_mark IS 'By what the exporter knows again the filler that was drawn for this seal, if it has its secret. Without the secret it is random bytes, whether or not there is filler; NULL for bundles of before.';
COMMENT ON COLUMN bundle.filler IS 'Always 0. How many of the members are filler is said nowhere: the mark holds it, for whoever has the secret.';

-- The exporter writes filler where uploads are written, and revises filler as people revise what they said. It reads what was said of sealed keys,
-- so that filler looks like what was said lately: columns that many keys share, and neither proofs, by which somebody could revise a key, nor
-- anything that the tables of authorities say.
GRANT INSERT ON gaen_fresh, tcn_fresh TO pratique_exporter;
GRANT UPDATE (raw_transmission_risk, raw_report_type, onset, onset_source) ON gaen_fresh TO pratique_exporter;
GRANT UPDATE (class, transmission_risk, report_type, days_since_onset) ON gaen_waiting TO pratique_exporter;
GRANT SELECT (raw_transmission_risk, raw_report_type, onset, onset_source, authority, kid, origin) ON gaen_key TO pratique_exporter;
GRANT SELECT (authority, kid, origin) ON tcn_report TO pratique_exporter;
GRANT UPDATE (filler_mark) ON bundle TO pratique_exporter;
