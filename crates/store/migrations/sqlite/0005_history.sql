-- Numbers are given again after a restore; an identity is not (src/changes.rs, docs/revocation.md). A column with such a
-- default can't be added to a table, so the table is made again.
CREATE TABLE changes_with_identity (
    number     INTEGER NOT NULL PRIMARY KEY,
    object_id  BLOB NOT NULL CHECK (length(object_id) = 16),
    identity   BLOB NOT NULL DEFAULT (randomblob(16)) CHECK (length(identity) = 16)
) STRICT;
INSERT INTO changes_with_identity (number, object_id) SELECT number, object_id FROM changes;
DROP TABLE changes;
ALTER TABLE changes_with_identity RENAME TO changes;
