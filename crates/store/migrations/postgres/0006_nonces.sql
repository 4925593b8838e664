-- What is known of the store of nonces as a whole; one row. `epoch` names the nonces that Redis holds, nil: they are in this
-- database. No signature later than `horizon` was accepted; none up to `since` is, because its nonce may be forgotten.
-- `beat_at`: when a replica last saw it whole; `stopped`: all ended in order then; `place`: where the database was then.
CREATE TABLE nonce_state (
    id       SMALLINT PRIMARY KEY CHECK (id = 1),
    epoch    UUID NOT NULL,
    horizon  BIGINT NOT NULL,
    since    BIGINT NOT NULL,
    beat_at  BIGINT NOT NULL,
    stopped  BOOLEAN NOT NULL,
    place    TEXT NOT NULL
);
INSERT INTO nonce_state (id, epoch, horizon, since, beat_at, stopped, place)
VALUES (1, '00000000-0000-0000-0000-000000000000', 0, 0, 0, false, '');
