-- Text messages that carry codes: whether one is known to have been delivered, and how many were sent. A phone number stands nowhere.

ALTER TABLE code ADD COLUMN delivery text CHECK (delivery IN ('unknown', 'delivered'));
COMMENT ON COLUMN code.delivery IS
    'What is known of the message that carried it: unknown or delivered; null: none was sent, or its sender did not live to say so.';

CREATE TABLE message_tally (
    digest  bytea  NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    sent    bigint NOT NULL CHECK (sent >= 0),
    ends_at bigint NOT NULL
);
CREATE INDEX message_tally_by_end ON message_tally (ends_at);
COMMENT ON TABLE message_tally IS
    'How many text messages were sent: to a phone number, to the numbers of its block, or by an authority.';
COMMENT ON COLUMN message_tally.digest IS 'Keyed digest over authority and number or block.';
COMMENT ON COLUMN message_tally.sent IS 'How many.';
COMMENT ON COLUMN message_tally.ends_at IS 'A full hour within a day, UTC seconds: it counts until then, and is deleted.';

GRANT SELECT, INSERT, DELETE ON message_tally TO pratique_verification;
GRANT UPDATE (sent, ends_at) ON message_tally TO pratique_verification;
GRANT UPDATE (delivery) ON code TO pratique_verification;
