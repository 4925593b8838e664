-- One row that is written to see whether anything can be: instance::probe_write.
CREATE TABLE write_probe (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    count   INTEGER NOT NULL,
    filler  BLOB NOT NULL
) STRICT;
INSERT INTO write_probe (id, count, filler) VALUES (1, 0, x'');
