-- Sessions are those of tower-sessions. hash is SHA-256 of the id, which is nowhere else. Without a user it is a sign-in in
-- progress; data is what that needs, as JSON. A column can't become nullable, so the table is made again.
CREATE TABLE sessions_with_data (
    hash          BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_id       BLOB REFERENCES users (id) ON DELETE CASCADE,
    created_at    INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    address       TEXT,
    user_agent    TEXT NOT NULL,
    id            BLOB NOT NULL CHECK (length(id) = 16),
    data          BLOB CHECK (length(data) <= 4096)
) STRICT, WITHOUT ROWID;
INSERT INTO sessions_with_data (hash, user_id, created_at, last_seen_at, address, user_agent, id)
    SELECT hash, user_id, created_at, last_seen_at, address, user_agent, id FROM sessions;
DROP TABLE sessions;
ALTER TABLE sessions_with_data RENAME TO sessions;
CREATE UNIQUE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_by_creation ON sessions (created_at);
CREATE INDEX sessions_by_sight ON sessions (last_seen_at);
CREATE INDEX sessions_without_user ON sessions (created_at) WHERE user_id IS NULL;
