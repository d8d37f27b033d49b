-- Persons are forgotten: what they may be known by goes out of what was written about
-- their contacts too, and nothing else of it can be changed, nor by anybody else.

-- Whether a contact was forgotten, and who asks could do as they like with the table:
-- other roles change nothing, whatever they were granted.
CREATE FUNCTION digitro.is_erasure(p_table oid, p_campaign integer, p_contact bigint)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT pg_has_role(current_user, c.relowner, 'USAGE') AND EXISTS (
           SELECT FROM digitro.person AS p
            WHERE p.campaign = p_campaign AND p.number = p_contact
              AND p.destination = '')
      FROM pg_class AS c WHERE c.oid = p_table
$$;

-- Rows of events are only ever added, but for a text of a forgotten person.
CREATE FUNCTION digitro.refuse_other_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erased digitro.event := OLD;
BEGIN
    erased.reason := '***';
    IF NEW IS NOT DISTINCT FROM erased
       AND digitro.is_erasure(TG_RELID, OLD.campaign, OLD.contact) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME;
END $$;
DROP TRIGGER event_is_only_added ON digitro.event;
CREATE TRIGGER event_is_only_added BEFORE DELETE OR TRUNCATE
    ON digitro.event FOR EACH STATEMENT EXECUTE FUNCTION digitro.refuse_change();
CREATE TRIGGER event_is_only_erased BEFORE UPDATE
    ON digitro.event FOR EACH ROW EXECUTE FUNCTION digitro.refuse_other_event();

-- The same of ends. One whose word was erased is not told anew: whoever hands results on
-- had it.
CREATE FUNCTION digitro.is_word_erased(
    p_table oid, p_old digitro.call_end, p_new digitro.call_end
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    p_old.word := '***';
    RETURN p_new IS NOT DISTINCT FROM p_old
           AND digitro.is_erasure(p_table, p_old.campaign, p_old.contact);
END $$;
CREATE OR REPLACE FUNCTION digitro.refuse_other_end() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF digitro.is_word_erased(TG_RELID, OLD, NEW) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was told of a call''s end is never changed';
END $$;
CREATE OR REPLACE FUNCTION digitro.tell_end_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT digitro.is_word_erased(TG_RELID, OLD, NEW) THEN
        NEW.told := nextval('digitro.call_end_told_seq');
    END IF;
    RETURN NEW;
END $$;
