-- Which bundles were sealed before an interval began, for apps that ask by interval (CoEpi). Written once, before the interval begins if an exporter is
-- awake then: so what a rendering holds never grows, whatever clocks do.
CREATE TABLE coepi_interval (
    -- Whose bundles.
    feed INTEGER NOT NULL REFERENCES feed (id),
    -- The number of the interval whose rendering holds them: they were sealed in the one before.
    number INTEGER NOT NULL,
    -- The first of them.
    from_sequence INTEGER NOT NULL,
    -- The first that is none of them any more; the same as from_sequence if nothing was sealed.
    to_sequence INTEGER NOT NULL CONSTRAINT coepi_interval_sequences CHECK (to_sequence >= from_sequence),
    PRIMARY KEY (feed, number)
) STRICT, WITHOUT ROWID;
