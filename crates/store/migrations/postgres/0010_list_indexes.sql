-- In which state's list the words of a token stand a second time, see src/ended_words.rs; 0 is none. The index has those
-- for which that is still to be done.
ALTER TABLE api_tokens ADD COLUMN words_phase SMALLINT NOT NULL DEFAULT 0;
CREATE INDEX api_tokens_unlisted_words ON api_tokens (list_id, phase, id) WHERE phase <> words_phase;
