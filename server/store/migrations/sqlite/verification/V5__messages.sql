-- Text messages that carry codes: whether one is known to have been delivered, and how many were sent. A phone number stands nowhere.

-- What is known of the message that carried the code; NULL: none was sent, or its sender did not live to say so.
ALTER TABLE code ADD COLUMN delivery TEXT CHECK (delivery IN ('unknown', 'delivered'));

CREATE TABLE message_tally (
    -- How many messages were sent: to a phone number, to the numbers of its block, or by an authority.
    digest      BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),     -- keyed, over authority and number or block
    sent        INTEGER NOT NULL CHECK (sent >= 0),
    ends_at     INTEGER NOT NULL                 -- a full hour within a day: counts until then, and is deleted
) STRICT, WITHOUT ROWID;

CREATE INDEX message_tally_by_end ON message_tally (ends_at);
