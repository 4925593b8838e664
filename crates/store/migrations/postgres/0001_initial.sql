-- Times are microseconds since 1970-01-01T00:00:00Z, ids are UUIDs version 7, hashes are SHA-256.
-- Text that is sorted or compared is COLLATE "C": the order of bytes, as in SQLite.

CREATE TABLE instance (
    id          SMALLINT PRIMARY KEY CHECK (id = 1),
    created_at  BIGINT NOT NULL,
    setup_hash  BYTEA CHECK (length(setup_hash) = 32)
);

-- What is deleted stays as a row as long as revoked tokens belong to it; nothing that is read for people shows it.
CREATE TABLE organizations (
    id              UUID PRIMARY KEY,
    name            TEXT COLLATE "C" NOT NULL,
    threshold_days  INTEGER CHECK (threshold_days BETWEEN 1 AND 365),
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    deleted_at      BIGINT
);
CREATE UNIQUE INDEX organizations_name ON organizations (name) WHERE deleted_at IS NULL;
CREATE INDEX organizations_swept ON organizations (id) WHERE threshold_days IS NOT NULL;

CREATE TABLE projects (
    id               UUID PRIMARY KEY,
    organization_id  UUID NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name             TEXT COLLATE "C" NOT NULL,
    created_at       BIGINT NOT NULL,
    deleted_at       BIGINT
);
CREATE UNIQUE INDEX projects_name ON projects (organization_id, name) WHERE deleted_at IS NULL;

CREATE TABLE repositories (
    id               UUID PRIMARY KEY,
    organization_id  UUID NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name             TEXT COLLATE "C" NOT NULL,
    created_at       BIGINT NOT NULL
);
CREATE UNIQUE INDEX repositories_name ON repositories (organization_id, name);

-- The current organization counts while there is a membership of it, so it needs no foreign key.
CREATE TABLE users (
    id                       UUID PRIMARY KEY,
    email                    TEXT COLLATE "C" NOT NULL,
    password_hash            TEXT,
    instance_admin           BOOLEAN NOT NULL,
    current_organization_id  UUID,
    created_at               BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_email ON users (email);

-- user_email is that of the user, for the list of members: one walk of one index.
CREATE TABLE memberships (
    id               UUID NOT NULL,
    organization_id  UUID NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id          UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_email       TEXT COLLATE "C" NOT NULL,
    role             TEXT NOT NULL CHECK (role IN ('viewer', 'contributor', 'member', 'admin', 'owner')),
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE UNIQUE INDEX memberships_id ON memberships (id);
CREATE INDEX memberships_by_email ON memberships (organization_id, user_email);
CREATE INDEX memberships_by_role ON memberships (organization_id, role, user_email);
CREATE INDEX memberships_of_user ON memberships (user_id, created_at, organization_id);

-- Pending until it is accepted; a revoked one is removed.
CREATE TABLE invitations (
    id               UUID PRIMARY KEY,
    organization_id  UUID NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    email            TEXT COLLATE "C" NOT NULL,
    role             TEXT NOT NULL CHECK (role IN ('viewer', 'contributor', 'member', 'admin', 'owner')),
    sender_kind      TEXT NOT NULL,
    sender_id        UUID,
    sender_name      TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    accepted_at      BIGINT
);
CREATE UNIQUE INDEX invitations_pending ON invitations (organization_id, email) WHERE accepted_at IS NULL;
CREATE INDEX invitations_sent ON invitations (organization_id, id);
CREATE INDEX invitations_received ON invitations (email, id) WHERE accepted_at IS NULL;

CREATE TABLE sessions (
    hash          BYTEA PRIMARY KEY CHECK (length(hash) = 32),
    user_id       UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at    BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    address       TEXT,
    user_agent    TEXT NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_creation ON sessions (created_at);
CREATE INDEX sessions_by_sight ON sessions (last_seen_at);

CREATE TABLE user_tokens (
    hash        BYTEA PRIMARY KEY CHECK (length(hash) = 32),
    user_id     UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX user_tokens_of_user ON user_tokens (user_id);
CREATE INDEX user_tokens_by_expiry ON user_tokens (expires_at);

-- The key is a hash of an email or an address.
CREATE TABLE sign_in_attempts (
    key       BYTEA PRIMARY KEY CHECK (length(key) = 32),
    failures  INTEGER NOT NULL,
    last_at   BIGINT NOT NULL
);
CREATE INDEX sign_in_attempts_by_age ON sign_in_attempts (last_at);

-- What list_id, owner_id, phase and the *_key columns are for is told in migrations/README.md.
CREATE TABLE api_tokens (
    id                    UUID PRIMARY KEY,
    level                 SMALLINT NOT NULL,
    organization_id       UUID REFERENCES organizations (id),
    project_id            UUID REFERENCES projects (id),
    list_id               UUID NOT NULL,
    owner_id              UUID NOT NULL,
    phase                 SMALLINT NOT NULL CHECK (phase IN (0, 1, 2)),
    name                  TEXT COLLATE "C" NOT NULL,
    name_key              TEXT COLLATE "C" NOT NULL,
    description           TEXT NOT NULL,
    scopes                TEXT NOT NULL,
    all_repositories      BOOLEAN NOT NULL,
    prefix                TEXT NOT NULL,
    hash                  BYTEA NOT NULL CHECK (length(hash) = 32),
    require_signing       BOOLEAN NOT NULL,
    allowed_networks      TEXT NOT NULL,
    created_at            BIGINT NOT NULL,
    created_by_kind       TEXT NOT NULL,
    created_by_id         UUID,
    created_by_name       TEXT NOT NULL,
    creation_key          UUID,
    expires_at            BIGINT,
    expires_key           BIGINT NOT NULL,
    revoked_at            BIGINT,
    revoked_by_kind       TEXT,
    revoked_by_id         UUID,
    revoked_by_name       TEXT,
    revoked_reason        TEXT,
    last_used_at          BIGINT,
    last_used_address     TEXT,
    last_used_user_agent  TEXT,
    used_key              BIGINT NOT NULL,
    idle_key              BIGINT NOT NULL,
    CHECK (
        (level = 0 AND organization_id IS NULL AND project_id IS NULL)
        OR (level = 1 AND organization_id IS NOT NULL AND project_id IS NULL)
        OR (level = 2 AND organization_id IS NOT NULL AND project_id IS NOT NULL)
    ),
    CHECK ((phase = 2) = (revoked_at IS NOT NULL)),
    CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);
CREATE UNIQUE INDEX api_tokens_hash ON api_tokens (hash);
-- A form that is sent twice meets both: the key is to be reported, and PostgreSQL checks the first index first.
CREATE UNIQUE INDEX api_tokens_creation_key ON api_tokens (created_by_id, creation_key)
    WHERE creation_key IS NOT NULL;
CREATE UNIQUE INDEX api_tokens_name ON api_tokens (owner_id, name_key) WHERE revoked_at IS NULL;
CREATE INDEX api_tokens_by_id ON api_tokens (list_id, phase, id);
CREATE INDEX api_tokens_by_name ON api_tokens (list_id, phase, name_key, id);
CREATE INDEX api_tokens_by_expiry ON api_tokens (list_id, phase, expires_key, id);
CREATE INDEX api_tokens_by_use ON api_tokens (list_id, phase, used_key, id);
CREATE INDEX api_tokens_by_idleness ON api_tokens (list_id, phase, idle_key, id);

CREATE TABLE api_token_repositories (
    token_id       UUID NOT NULL REFERENCES api_tokens (id) ON DELETE CASCADE,
    repository_id  UUID NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    PRIMARY KEY (token_id, repository_id)
);
CREATE INDEX api_token_repositories_of_repository ON api_token_repositories (repository_id);

-- kind: 1 API token, 2 repository. Newest objects of a word come first.
CREATE TABLE search_words (
    kind       SMALLINT NOT NULL,
    object_id  UUID NOT NULL,
    word       TEXT COLLATE "C" NOT NULL,
    list_id    UUID NOT NULL,
    PRIMARY KEY (kind, object_id, word)
);
CREATE INDEX search_words_by_word ON search_words (list_id, kind, word, object_id DESC);

-- No foreign keys: what happened outlives what it happened to.
CREATE TABLE audit_events (
    id               UUID PRIMARY KEY,
    organization_id  UUID,
    occurred_at      BIGINT NOT NULL,
    actor_kind       TEXT NOT NULL,
    actor_id         UUID,
    actor_name       TEXT NOT NULL,
    action           TEXT NOT NULL,
    target_kind      TEXT NOT NULL,
    target_id        UUID,
    target_name      TEXT NOT NULL,
    outcome          TEXT NOT NULL,
    address          TEXT,
    user_agent       TEXT NOT NULL,
    request_id       TEXT NOT NULL,
    details          TEXT NOT NULL
);
CREATE INDEX audit_events_by_id ON audit_events (organization_id, id);
CREATE INDEX audit_events_by_action ON audit_events (organization_id, action, id);
CREATE INDEX audit_events_by_actor ON audit_events (organization_id, actor_id, id);
CREATE INDEX audit_events_by_target ON audit_events (organization_id, target_id, id);

CREATE TABLE sweeps (
    id               UUID PRIMARY KEY,
    organization_id  UUID NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    threshold_days   INTEGER NOT NULL,
    started_at       BIGINT NOT NULL,
    finished_at      BIGINT NOT NULL,
    revoked          INTEGER NOT NULL
);
CREATE INDEX sweeps_by_start ON sweeps (organization_id, started_at, id);

-- What replicas must not remember any longer, numbered in the order of commits (src/changes.rs, docs/revocation.md).
CREATE TABLE change_count (
    id     SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    count  BIGINT NOT NULL
);
CREATE TABLE changes (
    number     BIGINT NOT NULL PRIMARY KEY,
    object_id  UUID NOT NULL
);
INSERT INTO change_count (id, count) VALUES (1, 0);
INSERT INTO changes (number, object_id) VALUES (0, '00000000-0000-0000-0000-000000000000');

-- The key is a hash of a token and a nonce; see `LATCHKEY_REDIS_URL` for where nonces are kept instead.
CREATE TABLE nonces (
    key         BYTEA NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    expires_at  BIGINT NOT NULL
);
CREATE INDEX nonces_by_expiry ON nonces (expires_at);
