-- What is known of the store of nonces as a whole; one row. `epoch` names the nonces that Redis holds, nil: they are in this
-- database. No signature later than `horizon` was accepted; none up to `since` is, because its nonce may be forgotten.
-- `beat_at`: when a replica last saw it whole; `stopped`: all ended in order then; `place`: where the database was then.
CREATE TABLE nonce_state (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch    BLOB NOT NULL CHECK (length(epoch) = 16),
    horizon  INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    beat_at  INTEGER NOT NULL,
    stopped  INTEGER NOT NULL,
    place    TEXT NOT NULL
) STRICT;
INSERT INTO nonce_state (id, epoch, horizon, since, beat_at, stopped, place) VALUES (1, zeroblob(16), 0, 0, 0, 0, '');
