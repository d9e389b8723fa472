-- How an authority wants its codes. Until now all had eight digits for a quarter of an hour, and nobody had long codes: these lived for a day
-- wherever they were customary.

-- What a short code is written with.
ALTER TABLE authority ADD COLUMN code_form TEXT NOT NULL DEFAULT 'digits' CHECK (code_form IN ('digits', 'crockford'));
-- How many characters are drawn for it; a check character comes on top.
ALTER TABLE authority ADD COLUMN code_length INTEGER NOT NULL DEFAULT 8 CHECK (code_length BETWEEN 8 AND 16);
-- How long it can be claimed, in seconds.
ALTER TABLE authority ADD COLUMN code_life INTEGER NOT NULL DEFAULT 900 CHECK (code_life > 0);
-- How long the long code beside it can be claimed, in seconds.
ALTER TABLE authority ADD COLUMN long_code_life INTEGER NOT NULL DEFAULT 86400 CHECK (long_code_life > 0);
