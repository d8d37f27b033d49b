-- Where this database is, so that one that came back from a backup is noticed: its
-- latest calls are not in it. Whoever runs this stands in a transaction that is no part
-- of another one.

-- One row. A row that was dumped and restored, or copied in any other way than whole
-- files, was written by another transaction than the one it names.
CREATE TABLE digitro.home (
    single   boolean PRIMARY KEY DEFAULT true CHECK (single),
    server   text NOT NULL,            -- the cluster: made anew by initdb
    database oid NOT NULL,
    timeline integer NOT NULL,         -- begun by each recovery from an archive, and by
                                       -- each promotion of a standby
    written  bigint NOT NULL           -- the transaction that wrote this row
);

-- The row as it would be written now.
CREATE FUNCTION digitro.home_now() RETURNS digitro.home LANGUAGE sql VOLATILE AS $$
    SELECT true, (SELECT system_identifier::text FROM pg_control_system()),
           (SELECT oid FROM pg_database WHERE datname = current_database()),
           ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer,
           pg_current_xact_id()::text::bigint
$$;

INSERT INTO digitro.home SELECT * FROM digitro.home_now();

-- Whether the database is where it was. Where it is not, no campaign in it may be
-- dialled before it was settled: that is noted, once.
CREATE FUNCTION digitro.check_home() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    here digitro.home;
    is_same boolean;
BEGIN
    here := digitro.home_now();
    SELECT (server, database, timeline) = (here.server, here.database, here.timeline)
           AND written % 4294967296 = xmin::text::bigint
      INTO is_same FROM digitro.home;
    IF is_same THEN
        RETURN true;
    END IF;
    LOCK TABLE digitro.home IN ACCESS EXCLUSIVE MODE;  -- one at a time
    SELECT (server, database, timeline) = (here.server, here.database, here.timeline)
           AND written % 4294967296 = xmin::text::bigint
      INTO is_same FROM digitro.home;
    IF is_same THEN
        RETURN false;
    END IF;
    INSERT INTO digitro.setting (campaign, name, value)
    SELECT number, 'provenance', json_build_object(
               'kind', 'restored', 'other', '', 'token', '',
               'at', extract(epoch FROM clock_timestamp())::double precision)::text
      FROM digitro.campaign WHERE contacts > 0 OR imports > 0
        ON CONFLICT (campaign, name) DO NOTHING;
    DELETE FROM digitro.home;
    INSERT INTO digitro.home SELECT * FROM digitro.home_now();
    RETURN false;
END $$;

-- Nothing is put into a campaign that may not be dialled: it would be lost there.
CREATE FUNCTION digitro.refuse_addition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('digitro.copying', true), '') <> NEW.number::text
       AND EXISTS (SELECT 1 FROM digitro.setting
                    WHERE campaign = NEW.number AND name = 'provenance') THEN
        RAISE EXCEPTION 'the campaign may not be dialled, nor added to'
              USING ERRCODE = 'DG010';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER campaign_takes_additions BEFORE UPDATE OF contacts, imports
    ON digitro.campaign FOR EACH ROW
    WHEN (NEW.contacts <> OLD.contacts OR NEW.imports <> OLD.imports)
    EXECUTE FUNCTION digitro.refuse_addition();
