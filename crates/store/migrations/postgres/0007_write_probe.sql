-- One row that is written to see whether anything can be: instance::probe_write.
CREATE TABLE write_probe (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    count  BIGINT NOT NULL
);
INSERT INTO write_probe (id, count) VALUES (1, 0);
