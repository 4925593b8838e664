-- What the filters of lists ask for stands in the indexes that lists walk: a token that does not pass is never looked up.
-- In a large table, each look-up is a page that nobody has read lately. What changes with each use of a token is left
-- out of the indexes that don't sort by it.
CREATE INDEX api_tokens_by_id_filtered ON api_tokens
    (list_id, phase, id, level, project_id, all_repositories, created_by_id, expires_key, scopes);
-- The smaller index of that order comes after it: where either would do, SQLite takes the one that was made last.
DROP INDEX api_tokens_by_id;
CREATE INDEX api_tokens_by_id ON api_tokens (list_id, phase, id);
DROP INDEX api_tokens_by_name;
CREATE INDEX api_tokens_by_name ON api_tokens
    (list_id, phase, name_key, id, level, project_id, all_repositories, created_by_id, expires_key, scopes);
DROP INDEX api_tokens_by_expiry;
CREATE INDEX api_tokens_by_expiry ON api_tokens
    (list_id, phase, expires_key, id, level, project_id, all_repositories, created_by_id, scopes);
DROP INDEX api_tokens_by_use;
CREATE INDEX api_tokens_by_use ON api_tokens
    (list_id, phase, used_key, id, level, project_id, all_repositories, created_by_id, expires_key, scopes);
DROP INDEX api_tokens_by_idleness;
CREATE INDEX api_tokens_by_idleness ON api_tokens
    (list_id, phase, idle_key, id, level, project_id, all_repositories, created_by_id, expires_key, scopes);

-- In which state's list the words of a token stand a second time, see src/ended_words.rs; 0 is none. The index has those
-- for which that is still to be done.
ALTER TABLE api_tokens ADD COLUMN words_phase INTEGER NOT NULL DEFAULT 0;
CREATE INDEX api_tokens_unlisted_words ON api_tokens (list_id, phase, id) WHERE phase <> words_phase;
