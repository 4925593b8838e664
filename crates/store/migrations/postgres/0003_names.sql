-- What projects are compared by, see src/names.rs; null in rows of the release before, and where another has it.
ALTER TABLE projects ADD COLUMN name_key TEXT COLLATE "C";
CREATE UNIQUE INDEX projects_key ON projects (organization_id, name_key) WHERE deleted_at IS NULL;

-- In which form the keys and words of all objects of a kind (1 API tokens, 2 repositories, 3 projects) are written, and
-- how far they are written in the next one.
CREATE TABLE name_forms (
    kind      SMALLINT NOT NULL PRIMARY KEY,
    form      INTEGER NOT NULL,
    next      INTEGER NOT NULL,
    after_id  UUID NOT NULL
);
INSERT INTO name_forms (kind, form, next, after_id)
    VALUES (1, 0, 0, '00000000-0000-0000-0000-000000000000'), (2, 0, 0, '00000000-0000-0000-0000-000000000000'), (3, 0, 0, '00000000-0000-0000-0000-000000000000');
