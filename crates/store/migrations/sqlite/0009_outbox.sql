-- Messages to the outside, written in the transaction of the change that they tell of and delivered afterwards: outbox.rs.
-- A message is in one of three states: due at `due_at`; leased, by whoever knows `lease`, until `due_at`; dead since
-- `dead_at`, with no `due_at`. One that was delivered is deleted.
CREATE TABLE outbox (
    id          BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind        TEXT NOT NULL,
    payload     TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    due_at      INTEGER,
    lease       BLOB CHECK (length(lease) = 16),
    dead_at     INTEGER,
    last_error  TEXT NOT NULL,
    CHECK ((due_at IS NULL) <> (dead_at IS NULL))
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_dead ON outbox (dead_at, id) WHERE dead_at IS NOT NULL;
