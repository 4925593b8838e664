-- What filters ask for stands in the indexes that lists walk, so that a token which does not pass is never looked up: in a
-- large table, that is what a rare filter costs. What each use of a token changes is in no index that has another order.
DROP INDEX api_tokens_by_id;
CREATE INDEX api_tokens_by_id ON api_tokens
    (list_id, phase, id, level, project_id, all_repositories, created_by_id, expires_key, scopes);
DROP INDEX api_tokens_by_name;
CREATE INDEX api_tokens_by_name ON api_tokens
    (list_id, phase, name_key, id, level, project_id, all_repositories, created_by_id, expires_key, scopes);
DROP INDEX api_tokens_by_expiry;
CREATE INDEX api_tokens_by_expiry ON api_tokens
    (list_id, phase, expires_key, id, level, project_id, all_repositories, created_by_id, scopes);
DROP INDEX api_tokens_by_use;
CREATE INDEX api_tokens_by_use ON api_tokens
    (list_id, phase, used_key, id, level, project_id, all_repositories, created_by_id, expires_key, scopes);

-- What a search asks about each token that it finds: whether it is among the few that are no longer live.
CREATE INDEX api_tokens_ended ON api_tokens (id, phase) WHERE phase <> 0;
