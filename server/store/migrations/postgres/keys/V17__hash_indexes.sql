-- In which bundles a key stands is looked up by the whole key and never by a range, and a seal adds keys in the order of their bundle. In an index
-- ordered by key each of them went to a place of its own, found by comparing its way down: a third of what a seal cost.
--
-- A hash index holds four bytes of a digest of each key, in an order that follows from the keys alone.
DROP INDEX gaen_publication_key;
CREATE INDEX gaen_publication_key ON gaen_publication USING hash (key);
DROP INDEX tcn_publication_rvk;
CREATE INDEX tcn_publication_rvk ON tcn_publication USING hash (rvk);
