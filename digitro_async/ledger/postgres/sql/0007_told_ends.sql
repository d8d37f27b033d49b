-- In which order ends were told; those of an earlier version have 0. A number may be
-- committed after a higher one, as that of an event: who hands results on waits for
-- those who may hold lower ones (see ledger/postgres/_postgres_result_feed.py).
CREATE SEQUENCE digitro.call_end_told_seq;
ALTER TABLE digitro.call_end ADD COLUMN told bigint NOT NULL DEFAULT 0;
ALTER TABLE digitro.call_end
    ALTER COLUMN told SET DEFAULT nextval('digitro.call_end_told_seq');
ALTER SEQUENCE digitro.call_end_told_seq OWNED BY digitro.call_end.told;
CREATE INDEX call_end_told ON digitro.call_end (campaign, told, intent);

-- An end that gave way to another one is told anew.
CREATE FUNCTION digitro.tell_end_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.told := nextval('digitro.call_end_told_seq');
    RETURN NEW;
END $$;
CREATE TRIGGER changed_end_is_told_anew BEFORE UPDATE ON digitro.call_end
    FOR EACH ROW EXECUTE FUNCTION digitro.tell_end_anew();
