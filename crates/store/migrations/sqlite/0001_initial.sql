-- Times are microseconds since 1970-01-01T00:00:00Z, ids are the 16 bytes of a UUID version 7, hashes are SHA-256.

CREATE TABLE instance (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    created_at  INTEGER NOT NULL,
    setup_hash  BLOB CHECK (length(setup_hash) = 32)
) STRICT;

-- What is deleted stays as a row as long as revoked tokens belong to it; nothing that is read for people shows it.
CREATE TABLE organizations (
    id              BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name            TEXT NOT NULL,
    threshold_days  INTEGER CHECK (threshold_days BETWEEN 1 AND 365),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    deleted_at      INTEGER
) STRICT;
CREATE UNIQUE INDEX organizations_name ON organizations (name) WHERE deleted_at IS NULL;
CREATE INDEX organizations_swept ON organizations (id) WHERE threshold_days IS NOT NULL;

CREATE TABLE projects (
    id               BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id  BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    deleted_at       INTEGER
) STRICT;
CREATE UNIQUE INDEX projects_name ON projects (organization_id, name) WHERE deleted_at IS NULL;

CREATE TABLE repositories (
    id               BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id  BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    created_at       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX repositories_name ON repositories (organization_id, name);

-- The current organization counts while there is a membership of it, so it needs no foreign key.
CREATE TABLE users (
    id                       BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email                    TEXT NOT NULL,
    password_hash            TEXT,
    instance_admin           INTEGER NOT NULL CHECK (instance_admin IN (0, 1)),
    current_organization_id  BLOB,
    created_at               INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX users_email ON users (email);

-- user_email is that of the user, for the list of members: one walk of one index.
CREATE TABLE memberships (
    id               BLOB NOT NULL CHECK (length(id) = 16),
    organization_id  BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id          BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_email       TEXT NOT NULL,
    role             TEXT NOT NULL CHECK (role IN ('viewer', 'contributor', 'member', 'admin', 'owner')),
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    PRIMARY KEY (organization_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX memberships_id ON memberships (id);
CREATE INDEX memberships_by_email ON memberships (organization_id, user_email);
CREATE INDEX memberships_by_role ON memberships (organization_id, role, user_email);
CREATE INDEX memberships_of_user ON memberships (user_id, created_at, organization_id);

-- Pending until it is accepted; a revoked one is removed.
CREATE TABLE invitations (
    id               BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id  BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    email            TEXT NOT NULL,
    role             TEXT NOT NULL CHECK (role IN ('viewer', 'contributor', 'member', 'admin', 'owner')),
    sender_kind      TEXT NOT NULL,
    sender_id        BLOB,
    sender_name      TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    accepted_at      INTEGER
) STRICT;
CREATE UNIQUE INDEX invitations_pending ON invitations (organization_id, email) WHERE accepted_at IS NULL;
CREATE INDEX invitations_sent ON invitations (organization_id, id);
CREATE INDEX invitations_received ON invitations (email, id) WHERE accepted_at IS NULL;

CREATE TABLE sessions (
    hash          BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_id       BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at    INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    address       TEXT,
    user_agent    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_creation ON sessions (created_at);
CREATE INDEX sessions_by_sight ON sessions (last_seen_at);

CREATE TABLE user_tokens (
    hash        BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_id     BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX user_tokens_of_user ON user_tokens (user_id);
CREATE INDEX user_tokens_by_expiry ON user_tokens (expires_at);

-- The key is a hash of an email or an address.
CREATE TABLE sign_in_attempts (
    key       BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    failures  INTEGER NOT NULL,
    last_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_attempts_by_age ON sign_in_attempts (last_at);

-- What list_id, owner_id, phase and the *_key columns are for is told in migrations/README.md.
CREATE TABLE api_tokens (
    id                    BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    level                 INTEGER NOT NULL,
    organization_id       BLOB REFERENCES organizations (id),
    project_id            BLOB REFERENCES projects (id),
    list_id               BLOB NOT NULL,
    owner_id              BLOB NOT NULL,
    phase                 INTEGER NOT NULL CHECK (phase IN (0, 1, 2)),
    name                  TEXT NOT NULL,
    name_key              TEXT NOT NULL,
    description           TEXT NOT NULL,
    scopes                TEXT NOT NULL,
    all_repositories      INTEGER NOT NULL CHECK (all_repositories IN (0, 1)),
    prefix                TEXT NOT NULL,
    hash                  BLOB NOT NULL CHECK (length(hash) = 32),
    require_signing       INTEGER NOT NULL CHECK (require_signing IN (0, 1)),
    allowed_networks      TEXT NOT NULL,
    created_at            INTEGER NOT NULL,
    created_by_kind       TEXT NOT NULL,
    created_by_id         BLOB,
    created_by_name       TEXT NOT NULL,
    creation_key          BLOB,
    expires_at            INTEGER,
    expires_key           INTEGER NOT NULL,
    revoked_at            INTEGER,
    revoked_by_kind       TEXT,
    revoked_by_id         BLOB,
    revoked_by_name       TEXT,
    revoked_reason        TEXT,
    last_used_at          INTEGER,
    last_used_address     TEXT,
    last_used_user_agent  TEXT,
    used_key              INTEGER NOT NULL,
    idle_key              INTEGER NOT NULL,
    CHECK (
        (level = 0 AND organization_id IS NULL AND project_id IS NULL)
        OR (level = 1 AND organization_id IS NOT NULL AND project_id IS NULL)
        OR (level = 2 AND organization_id IS NOT NULL AND project_id IS NOT NULL)
    ),
    CHECK ((phase = 2) = (revoked_at IS NOT NULL)),
    CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
) STRICT;
CREATE UNIQUE INDEX api_tokens_hash ON api_tokens (hash);
-- A form that is sent twice meets both: the key is to be reported, and SQLite checks the last index first.
CREATE UNIQUE INDEX api_tokens_name ON api_tokens (owner_id, name_key) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX api_tokens_creation_key ON api_tokens (created_by_id, creation_key)
    WHERE creation_key IS NOT NULL;
CREATE INDEX api_tokens_by_id ON api_tokens (list_id, phase, id);
CREATE INDEX api_tokens_by_name ON api_tokens (list_id, phase, name_key, id);
CREATE INDEX api_tokens_by_expiry ON api_tokens (list_id, phase, expires_key, id);
CREATE INDEX api_tokens_by_use ON api_tokens (list_id, phase, used_key, id);
CREATE INDEX api_tokens_by_idleness ON api_tokens (list_id, phase, idle_key, id);

CREATE TABLE api_token_repositories (
    token_id       BLOB NOT NULL REFERENCES api_tokens (id) ON DELETE CASCADE,
    repository_id  BLOB NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    PRIMARY KEY (token_id, repository_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_token_repositories_of_repository ON api_token_repositories (repository_id);

-- kind: 1 API token, 2 repository. Newest objects of a word come first.
CREATE TABLE search_words (
    kind       INTEGER NOT NULL,
    object_id  BLOB NOT NULL,
    word       TEXT NOT NULL,
    list_id    BLOB NOT NULL,
    PRIMARY KEY (kind, object_id, word)
) STRICT, WITHOUT ROWID;
CREATE INDEX search_words_by_word ON search_words (list_id, kind, word, object_id DESC);

-- No foreign keys: what happened outlives what it happened to.
CREATE TABLE audit_events (
    id               BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id  BLOB,
    occurred_at      INTEGER NOT NULL,
    actor_kind       TEXT NOT NULL,
    actor_id         BLOB,
    actor_name       TEXT NOT NULL,
    action           TEXT NOT NULL,
    target_kind      TEXT NOT NULL,
    target_id        BLOB,
    target_name      TEXT NOT NULL,
    outcome          TEXT NOT NULL,
    address          TEXT,
    user_agent       TEXT NOT NULL,
    request_id       TEXT NOT NULL,
    details          TEXT NOT NULL
) STRICT;
CREATE INDEX audit_events_by_id ON audit_events (organization_id, id);
CREATE INDEX audit_events_by_action ON audit_events (organization_id, action, id);
CREATE INDEX audit_events_by_actor ON audit_events (organization_id, actor_id, id);
CREATE INDEX audit_events_by_target ON audit_events (organization_id, target_id, id);

CREATE TABLE sweeps (
    id               BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id  BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    threshold_days   INTEGER NOT NULL,
    started_at       INTEGER NOT NULL,
    finished_at      INTEGER NOT NULL,
    revoked          INTEGER NOT NULL
) STRICT;
CREATE INDEX sweeps_by_start ON sweeps (organization_id, started_at, id);

-- What replicas must not remember any longer, numbered in the order of commits (src/changes.rs, docs/revocation.md).
CREATE TABLE change_count (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    count  INTEGER NOT NULL
) STRICT;
CREATE TABLE changes (
    number     INTEGER NOT NULL PRIMARY KEY,
    object_id  BLOB NOT NULL CHECK (length(object_id) = 16)
) STRICT;
INSERT INTO change_count (id, count) VALUES (1, 0);
INSERT INTO changes (number, object_id) VALUES (0, zeroblob(16));

-- The key is a hash of a token and a nonce; see `LATCHKEY_REDIS_URL` for where nonces are kept instead.
CREATE TABLE nonces (
    key         BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_by_expiry ON nonces (expires_at);
