-- What chaff writes, so that it costs what a real request costs. The rows are a ring, written over and over: half of each page is left free, so that
-- a row finds room for its next version beside it.
CREATE TABLE chaff (
    slot integer NOT NULL PRIMARY KEY CONSTRAINT chaff_slot CHECK (slot BETWEEN 0 AND 32767),
    content bytea NOT NULL CONSTRAINT chaff_content CHECK (length(content) = 128)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
COMMENT ON TABLE chaff IS 'What chaff writes: random bytes that nobody reads.';
COMMENT ON COLUMN chaff.slot IS 'The place in the ring.';
COMMENT ON COLUMN chaff.content IS 'Random bytes, about as many as a row of a real request has.';

-- To write over what stands in a place, it must be read.
GRANT SELECT, INSERT, UPDATE (content) ON chaff TO pratique_verification;
