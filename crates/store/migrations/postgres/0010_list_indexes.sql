-- In which state's list the words of a token stand a second time, see src/ended_words.rs; 0 is none.
ALTER TABLE api_tokens ADD COLUMN words_phase SMALLINT NOT NULL DEFAULT 0;
