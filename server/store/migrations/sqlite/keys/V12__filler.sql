-- Filler: synthetic people among those whom a bundle carries when too few came.

-- By what the exporter knows again the filler that was drawn for this seal, if it has its secret. Without the secret it is random bytes, whether or
-- not there is filler; NULL for bundles of before.
ALTER TABLE bundle ADD COLUMN filler_mark BLOB CONSTRAINT bundle_filler_mark CHECK (length(filler_mark) = 28);

-- Of bundle, filler is always 0: how many of the members are filler is said nowhere. The mark holds it, for whoever has the secret.
