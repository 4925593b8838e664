-- Sessions are those of tower-sessions. hash is SHA-256 of the id, which is nowhere else. Without a user it is a sign-in in
-- progress; data is what that needs, as JSON.
ALTER TABLE sessions ALTER COLUMN user_id DROP NOT NULL;
ALTER TABLE sessions ADD COLUMN data BYTEA CHECK (length(data) <= 4096);
CREATE INDEX sessions_without_user ON sessions (created_at) WHERE user_id IS NULL;
