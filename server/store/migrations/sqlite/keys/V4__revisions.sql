-- What an upload says of keys that were uploaded before: whose word counts, and where travellers' keys go.

-- By what the phone that uploaded a key first is known again when it revises it; NULL for keys of before, which nobody revises.
ALTER TABLE gaen_fresh ADD COLUMN proof INTEGER;
-- The same, of sealed keys.
ALTER TABLE gaen_key ADD COLUMN proof INTEGER;
-- Whether it takes the keys of people who travelled, whichever region their authority is responsible for.
ALTER TABLE feed ADD COLUMN travellers INTEGER NOT NULL DEFAULT 0 CONSTRAINT feed_travellers CHECK (travellers IN (0, 1));

-- In gaen_fresh, what was said is what was said last before anything was sealed. A row of gaen_fresh without a row of gaen_waiting is a key that
-- was taken back: it is known, and never published.
