-- What chaff writes, so that it costs what an upload costs: random bytes that nobody reads. The rows are a ring, written over and over.
CREATE TABLE chaff (
    -- The place in the ring.
    slot INTEGER NOT NULL PRIMARY KEY CONSTRAINT chaff_slot CHECK (slot BETWEEN 0 AND 32767),
    -- Random bytes, about as many as a row of an upload has.
    content BLOB NOT NULL CONSTRAINT chaff_content CHECK (length(content) = 128)
) STRICT;
