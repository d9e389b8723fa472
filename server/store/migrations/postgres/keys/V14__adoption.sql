-- What the exporter may do besides: `exporter adopt` and `exporter index rebuild` are acts of operators, and are written down. It reads none of them.
GRANT INSERT ON audit TO pratique_exporter;

COMMENT ON COLUMN gaen_key.authority IS 'The authority that certified it; empty if it was taken over from a bundle after a restore, when nobody remembers.';
COMMENT ON COLUMN gaen_key.kid IS 'The key that signed the certificate; ''adopted'' if nobody remembers.';
COMMENT ON COLUMN tcn_report.authority IS 'The authority that certified it; empty if it was taken over from a bundle after a restore, when nobody remembers.';
COMMENT ON COLUMN tcn_report.kid IS 'The key that signed the certificate; empty where none was shown, ''adopted'' if nobody remembers.';
