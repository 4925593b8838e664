-- The tokens whose words don't stand in the list of their state yet.
CREATE INDEX api_tokens_unlisted_words ON api_tokens (list_id, phase, id) WHERE phase <> words_phase;
