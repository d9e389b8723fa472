-- Which keys of Oblivious HTTP gateways everybody is given.

CREATE TABLE announced_gateway (
    feed integer NOT NULL REFERENCES feed (id),
    from_number bigint NOT NULL,
    service text NOT NULL CONSTRAINT announced_gateway_service CHECK (service IN ('server', 'verification')),
    sha256 bytea NOT NULL CONSTRAINT announced_gateway_sha256 CHECK (length(sha256) = 32),
    to_number bigint CONSTRAINT announced_gateway_numbers CHECK (to_number > from_number),
    PRIMARY KEY (feed, from_number, service, sha256)
);
COMMENT ON TABLE announced_gateway IS 'The keys of gateways that a feed''s manifest announces, from one number to another.';
COMMENT ON COLUMN announced_gateway.feed IS 'Whose manifest.';
COMMENT ON COLUMN announced_gateway.from_number IS 'The first number that announces it.';
COMMENT ON COLUMN announced_gateway.service IS 'Whose gateway.';
COMMENT ON COLUMN announced_gateway.sha256 IS 'SHA-256 of the key configuration (RFC 9458, section 3).';
COMMENT ON COLUMN announced_gateway.to_number IS 'The first number that no longer announces it; NULL while it is announced.';

-- As for announced_key: the exporter announces, closes, and removes what only numbers said that can no longer be listed.
GRANT SELECT, INSERT, UPDATE (to_number), DELETE ON announced_gateway TO pratique_exporter;
