-- What projects are compared by, see src/names.rs; null in rows of the release before, and where another has it.
ALTER TABLE projects ADD COLUMN name_key TEXT;
CREATE UNIQUE INDEX projects_key ON projects (organization_id, name_key) WHERE deleted_at IS NULL;

-- In which form the keys and words of all objects of a kind (1 API tokens, 2 repositories, 3 projects) are written, and
-- how far they are written in the next one.
CREATE TABLE name_forms (
    kind      INTEGER NOT NULL PRIMARY KEY,
    form      INTEGER NOT NULL,
    next      INTEGER NOT NULL,
    after_id  BLOB NOT NULL
) STRICT;
INSERT INTO name_forms (kind, form, next, after_id)
    VALUES (1, 0, 0, zeroblob(16)), (2, 0, 0, zeroblob(16)), (3, 0, 0, zeroblob(16));
