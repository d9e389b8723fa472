-- The keys of Oblivious HTTP gateways that a feed's manifest announces, from one number to another.
CREATE TABLE announced_gateway (
    -- Whose manifest.
    feed INTEGER NOT NULL REFERENCES feed (id),
    -- The first number that announces it.
    from_number INTEGER NOT NULL,
    -- Whose gateway.
    service TEXT NOT NULL CONSTRAINT announced_gateway_service CHECK (service IN ('server', 'verification')),
    -- SHA-256 of the key configuration (RFC 9458, section 3).
    sha256 BLOB NOT NULL CONSTRAINT announced_gateway_sha256 CHECK (length(sha256) = 32),
    -- The first number that no longer announces it; NULL while it is announced.
    to_number INTEGER CONSTRAINT announced_gateway_numbers CHECK (to_number > from_number),
    PRIMARY KEY (feed, from_number, service, sha256)
) STRICT, WITHOUT ROWID;
