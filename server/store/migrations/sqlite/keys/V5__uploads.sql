-- What is counted of uploads, for statistics. A count is written in the transaction of the upload; nothing in it says which keys it was about.

-- How often something happened, and how much of it there was.
CREATE TABLE upload_count (
    -- The authority that certified it.
    authority TEXT NOT NULL,
    -- The UTC day of receipt, in days since 1970.
    day INTEGER NOT NULL,
    -- What: key-uploads and report-uploads people who had not uploaded before, keys and reports what was new of them, revisions people who revised,
    -- ages and onsets the same people as key-uploads, by days.
    figure TEXT NOT NULL CONSTRAINT upload_count_figure CHECK (figure IN
        ('key-uploads', 'keys', 'revisions', 'ages', 'onsets', 'report-uploads', 'reports')),
    -- Which cell of a distribution; 0 where there is none. Of onsets, 30 is that nobody named one.
    cell INTEGER NOT NULL CONSTRAINT upload_count_cell CHECK (cell BETWEEN 0 AND 30),
    -- How often.
    count INTEGER NOT NULL CONSTRAINT upload_count_count CHECK (count >= 1),
    PRIMARY KEY (authority, day, figure, cell)
) STRICT, WITHOUT ROWID;
