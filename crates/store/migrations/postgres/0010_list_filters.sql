-- What a search asks about each token that it finds: whether it is among the few that are no longer live.
CREATE INDEX api_tokens_ended ON api_tokens (id, phase) WHERE phase <> 0;

-- The indexes of lists that SQLite has made wider here stay as they are: an entry of PostgreSQL takes 2,704 bytes at most, the
-- longest name has 2,500 of them, and a look-up costs it little more than an entry of an index.
