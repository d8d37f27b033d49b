-- In which order ends were told: rows of one statement have one number, and those of an
-- earlier version, or of a copy, have 0. Who hands results on goes by it (see
-- ledger/sqlite/_result_queries.py).
ALTER TABLE call_end ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
CREATE INDEX call_end_told ON call_end (told);

-- No number is given a second time, also where the end that had the last one is gone.
CREATE TRIGGER last_told_is_kept BEFORE DELETE ON call_end
BEGIN
    INSERT INTO setting (name, value) VALUES ('last_told', OLD.told)
        ON CONFLICT (name) DO UPDATE
        SET value = max(CAST(value AS INTEGER), OLD.told);
END;
