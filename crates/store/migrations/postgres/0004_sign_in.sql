-- From which networks somebody has signed in to an account; the key is a hash of both.
CREATE TABLE sign_in_networks (
    key      BYTEA PRIMARY KEY CHECK (length(key) = 32),
    last_at  BIGINT NOT NULL
);
CREATE INDEX sign_in_networks_by_age ON sign_in_networks (last_at);

-- Who sent X-Forwarded-For last without being a trusted proxy, and when.
ALTER TABLE instance ADD COLUMN forwarded_by TEXT;
ALTER TABLE instance ADD COLUMN forwarded_at BIGINT;
