-- Sessions and user tokens can be listed and ended one by one, users can be locked, and the name of a deleted
-- organization stays taken until an instance admin frees it.

-- The previous release, which may still run, gives no ids: the triggers do.
ALTER TABLE sessions ADD COLUMN id BLOB CHECK (length(id) = 16);
UPDATE sessions SET id = randomblob(16);
CREATE UNIQUE INDEX sessions_id ON sessions (id);
CREATE TRIGGER sessions_id_given AFTER INSERT ON sessions WHEN NEW.id IS NULL BEGIN
    UPDATE sessions SET id = randomblob(16) WHERE hash = NEW.hash;
END;
CREATE INDEX sessions_by_user ON sessions (user_id, id);
DROP INDEX sessions_of_user;

ALTER TABLE user_tokens ADD COLUMN id BLOB CHECK (length(id) = 16);
ALTER TABLE user_tokens ADD COLUMN address TEXT;
ALTER TABLE user_tokens ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
UPDATE user_tokens SET id = randomblob(16);
CREATE UNIQUE INDEX user_tokens_id ON user_tokens (id);
CREATE TRIGGER user_tokens_id_given AFTER INSERT ON user_tokens WHEN NEW.id IS NULL BEGIN
    UPDATE user_tokens SET id = randomblob(16) WHERE hash = NEW.hash;
END;
CREATE INDEX user_tokens_by_user ON user_tokens (user_id, id);
DROP INDEX user_tokens_of_user;

ALTER TABLE users ADD COLUMN locked_at INTEGER;

-- What was deleted before had its name freed at once.
ALTER TABLE organizations ADD COLUMN name_freed_at INTEGER;
UPDATE organizations SET name_freed_at = deleted_at WHERE deleted_at IS NOT NULL;
DROP INDEX organizations_name;
CREATE UNIQUE INDEX organizations_name ON organizations (name) WHERE name_freed_at IS NULL;
CREATE INDEX organizations_deleted ON organizations (name) WHERE deleted_at IS NOT NULL AND name_freed_at IS NULL;

-- What a sweep would revoke of one project, longest idle first: for a project's token, which sees no other.
CREATE INDEX api_tokens_of_project_by_idleness ON api_tokens (project_id, idle_key, id)
    WHERE project_id IS NOT NULL AND phase = 0;
