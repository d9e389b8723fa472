-- What was sealed in which interval, for apps that ask by interval.

CREATE TABLE coepi_interval (
    feed integer NOT NULL REFERENCES feed (id),
    number bigint NOT NULL,
    from_sequence bigint NOT NULL,
    to_sequence bigint NOT NULL CONSTRAINT coepi_interval_sequences CHECK (to_sequence >= from_sequence),
    PRIMARY KEY (feed, number)
);
COMMENT ON TABLE coepi_interval IS 'Which bundles were sealed before an interval began, for apps that ask by interval (CoEpi). Written once, before the interval begins if an exporter is awake then: so what a rendering holds never grows, whatever clocks do.';
COMMENT ON COLUMN coepi_interval.feed IS 'Whose bundles.';
COMMENT ON COLUMN coepi_interval.number IS 'The number of the interval whose rendering holds them: they were sealed in the one before.';
COMMENT ON COLUMN coepi_interval.from_sequence IS 'The first of them.';
COMMENT ON COLUMN coepi_interval.to_sequence IS 'The first that is none of them any more; the same as from_sequence if nothing was sealed.';

-- The exporter closes intervals and forgets those whose renderings are gone; it changes none.
GRANT SELECT, INSERT, DELETE ON coepi_interval TO pratique_exporter;
