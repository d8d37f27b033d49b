-- The workers, the caps that they share, and what an operator orders. Whoever runs this
-- has made the schema "digitro" and stands in a transaction. Only the clock of this
-- server counts. Everything locks in this order: the own worker, caps by address and
-- window, PABX by address and name.

ALTER TABLE digitro.campaign
    ADD COLUMN weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0),
    ADD COLUMN paused_reason text,         -- none where it is not paused
    ADD COLUMN paused_by text,
    ADD COLUMN paused_at timestamptz;

-- Processes that dial. One whose lease is over never comes back: it enrolls anew.
CREATE TABLE digitro.worker (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL,              -- for people; nothing private
    lease      double precision NOT NULL,  -- seconds
    sequence   bigint NOT NULL DEFAULT 0,  -- of its last beat
    began_at   timestamptz NOT NULL,
    heard_at   timestamptz NOT NULL,
    lease_ends timestamptz NOT NULL,
    about      jsonb NOT NULL              -- what it tells of itself
);

-- The PABX of each worker, and the calls that wait there while it is paused.
CREATE TABLE digitro.worker_pabx (
    worker  bigint NOT NULL REFERENCES digitro.worker ON DELETE CASCADE,
    address text NOT NULL,
    name    text NOT NULL,
    waiting integer NOT NULL DEFAULT 0,
    PRIMARY KEY (worker, address, name)
);

-- Each PABX, and its pause that holds for all.
CREATE TABLE digitro.pabx (
    address      text NOT NULL,            -- host and port, with the path prefix
    name         text NOT NULL,
    code         text,                     -- why it is paused; none where it is not
    words        text,
    by_whom      text,
    since        timestamptz,
    needs_resume boolean NOT NULL DEFAULT false,
    next_at      timestamptz,              -- when it is tried
    prober       bigint,                   -- the worker that tries it
    is_probing   boolean NOT NULL DEFAULT false,
    rest_until   timestamptz,              -- as it asked for
    resumed_at   timestamptz,              -- a pause that began before is over
    PRIMARY KEY (address, name)
);
CREATE INDEX pabx_paused ON digitro.pabx (address, name)
    WHERE code IS NOT NULL OR rest_until IS NOT NULL;

-- The caps; "per" is the window in seconds, 0 that on calls in progress.
CREATE TABLE digitro.cap (
    number     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address    text NOT NULL,
    per        double precision NOT NULL,
    configured integer NOT NULL,           -- the least that a worker is configured with
    ordered    integer,                    -- by an operator
    ordered_by text,
    decided_at timestamptz,
    UNIQUE (address, per)
);

-- The slots of each worker.
CREATE TABLE digitro.allotment (
    cap     integer NOT NULL REFERENCES digitro.cap,
    worker  bigint NOT NULL,
    most    integer NOT NULL,              -- the cap as it is configured there
    granted integer NOT NULL,              -- that count as the worker's
    target  integer,                       -- that it should have
    wants   integer NOT NULL,              -- that it can make use of
    needs   jsonb NOT NULL,                -- calls that are ready, by campaign
    shares  jsonb NOT NULL DEFAULT '{}',   -- slots by campaign
    after   double precision NOT NULL,     -- seconds from the end of its lease until a
                                           -- call of before can't be counted any more
    had_at  timestamptz,                   -- when it had slots last
    PRIMARY KEY (cap, worker)
);

-- Slots of workers that are gone, until no call of theirs can be counted any more.
CREATE TABLE digitro.cooling_slots (
    cap     integer NOT NULL REFERENCES digitro.cap,
    slots   integer NOT NULL,
    free_at timestamptz NOT NULL
);
CREATE INDEX cooling_slots_cap ON digitro.cooling_slots (cap);

CREATE FUNCTION digitro.seconds(given double precision) RETURNS interval
LANGUAGE sql IMMUTABLE AS $$ SELECT make_interval(secs => given) $$;

-- Who gets how many. A pair is a campaign at a worker. Campaigns share by weight, the
-- workers of one equally, as far as each can make use of slots; what one can't use goes
-- to the others. Where slots are left that can't be parted, pairs get one each: of the
-- campaign that has least by its weight, in the order given.
CREATE FUNCTION digitro.fair_shares(
    total integer,
    pair_worker integer[],                 -- from 1
    pair_campaign integer[],               -- from 1
    weights double precision[],            -- of the campaigns
    limits integer[]                       -- of the workers
) RETURNS integer[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    pairs integer := coalesce(array_length(pair_worker, 1), 0);
    given integer[] := array_fill(0, ARRAY[greatest(pairs, 1)]);
    room integer[] := limits;
    got double precision[];                -- by campaign
    sharers integer[];
    rest integer := greatest(total, 0);
    start integer;
    weight double precision;
    part integer;
    best integer;
BEGIN
    IF pairs = 0 THEN
        RETURN '{}';
    END IF;
    got := array_fill(0::double precision, ARRAY[array_length(weights, 1)]);
    LOOP
        sharers := array_fill(0, ARRAY[array_length(weights, 1)]);
        FOR p IN 1..pairs LOOP
            IF room[pair_worker[p]] > 0 THEN
                sharers[pair_campaign[p]] := sharers[pair_campaign[p]] + 1;
            END IF;
        END LOOP;
        SELECT sum(weights[c]) INTO weight
          FROM generate_subscripts(weights, 1) AS c WHERE sharers[c] > 0;
        EXIT WHEN weight IS NULL OR rest = 0;
        start := rest;
        FOR p IN 1..pairs LOOP
            CONTINUE WHEN room[pair_worker[p]] = 0;
            part := least(
                floor(start * weights[pair_campaign[p]] / weight
                      / sharers[pair_campaign[p]])::integer,
                room[pair_worker[p]], rest);
            given[p] := given[p] + part;
            got[pair_campaign[p]] := got[pair_campaign[p]] + part;
            room[pair_worker[p]] := room[pair_worker[p]] - part;
            rest := rest - part;
        END LOOP;
        CONTINUE WHEN rest < start;
        best := 0;
        FOR p IN 1..pairs LOOP
            CONTINUE WHEN room[pair_worker[p]] = 0;
            IF best = 0 OR (got[pair_campaign[p]] / weights[pair_campaign[p]], given[p])
                < (got[pair_campaign[best]] / weights[pair_campaign[best]], given[best])
            THEN
                best := p;
            END IF;
        END LOOP;
        given[best] := given[best] + 1;
        got[pair_campaign[best]] := got[pair_campaign[best]] + 1;
        room[pair_worker[best]] := room[pair_worker[best]] - 1;
        rest := rest - 1;
    END LOOP;
    RETURN given;
END $$;

-- Slots that a worker can make use of: all, where calls wait for slots and for nothing
-- else; else some more than were used, so that it can begin to need more; none where
-- none were used.
CREATE FUNCTION digitro.useful_slots(
    total integer, used integer, waiting integer
) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN waiting > 0 THEN total WHEN used = 0 THEN 0
                ELSE least(total, ceil(used * 1.1)::integer + 1) END
$$;

-- Decides what every worker should have of a cap, and in which campaign.
CREATE FUNCTION digitro.decide(the_cap integer, total integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    workers bigint[];
    limits integer[];
    names text[];
    weights double precision[];
    pair_worker integer[];
    pair_campaign integer[];
    given integer[];
BEGIN
    -- Who has none comes first, the longest without first: where there are fewer slots
    -- than workers, they go round.
    SELECT array_agg(worker ORDER BY place), array_agg(least(wants, total) ORDER BY place)
      INTO workers, limits
      FROM (SELECT worker, wants, row_number() OVER (
                ORDER BY granted > 0, CASE WHEN granted = 0 THEN had_at END NULLS FIRST,
                         worker) AS place
              FROM digitro.allotment WHERE cap = the_cap) AS one;
    SELECT array_agg(name ORDER BY name), array_agg(weight ORDER BY name)
      INTO names, weights
      FROM (SELECT n.name, coalesce(c.weight, 1) AS weight
              FROM (SELECT DISTINCT key AS name
                      FROM digitro.allotment, jsonb_each_text(needs)
                     WHERE cap = the_cap) AS n
              LEFT JOIN digitro.campaign AS c ON c.name = n.name) AS one;
    SELECT array_agg(w ORDER BY w, c), array_agg(c ORDER BY w, c)
      INTO pair_worker, pair_campaign
      FROM (SELECT array_position(workers, worker) AS w, array_position(names, key) AS c
              FROM digitro.allotment, jsonb_each_text(needs)
             WHERE cap = the_cap) AS one;
    given := digitro.fair_shares(total, pair_worker, pair_campaign, weights, limits);
    UPDATE digitro.allotment AS a
       SET target = coalesce(s.slots, 0), shares = coalesce(s.shares, '{}')
      FROM unnest(workers) WITH ORDINALITY AS w (worker, place)
      LEFT JOIN (SELECT pair_worker[p] AS place, sum(given[p])::integer AS slots,
                        jsonb_object_agg(names[pair_campaign[p]], given[p]) AS shares
                   FROM generate_subscripts(pair_worker, 1) AS p
                  GROUP BY 1) AS s ON s.place = w.place
     WHERE a.cap = the_cap AND a.worker = w.worker
       AND (a.target IS DISTINCT FROM coalesce(s.slots, 0)
            OR a.shares IS DISTINCT FROM coalesce(s.shares, '{}'));
    UPDATE digitro.cap SET decided_at = clock_timestamp() WHERE number = the_cap;
END $$;

-- Takes what a worker tells of one cap, and returns the slots that it has from now on.
-- See the proof in dispatch/_allotted_pacing.py.
CREATE FUNCTION digitro.share_cap(me bigint, told jsonb, now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    the_cap digitro.cap;
    mine digitro.allotment;
    holds integer := (told->>'holds')::integer;
    others integer;
    cooling integer;
    total integer;
    sharing integer;
    slots integer;
BEGIN
    INSERT INTO digitro.cap (address, per, configured)
    VALUES (told->>'address', (told->>'per')::double precision,
            (told->>'most')::integer)
        ON CONFLICT (address, per) DO NOTHING;
    SELECT * INTO the_cap FROM digitro.cap
     WHERE address = told->>'address' AND per = (told->>'per')::double precision
       FOR UPDATE;
    DELETE FROM digitro.cooling_slots
     WHERE cap = the_cap.number AND free_at <= now;
    WITH gone AS (
        DELETE FROM digitro.allotment AS a USING digitro.worker AS w
         WHERE a.cap = the_cap.number AND w.number = a.worker AND a.worker <> me
           AND w.lease_ends <= now
        RETURNING a.granted, w.lease_ends + digitro.seconds(a.after) AS free_at)
    INSERT INTO digitro.cooling_slots (cap, slots, free_at)
    SELECT the_cap.number, granted, free_at FROM gone
     WHERE granted > 0 AND free_at > now;

    INSERT INTO digitro.allotment AS a (cap, worker, most, granted, wants, needs, after)
    VALUES (the_cap.number, me, (told->>'most')::integer, holds, 0, told->'needs',
            (told->>'after')::double precision)
        ON CONFLICT (cap, worker) DO UPDATE
       SET most = excluded.most, granted = excluded.granted, needs = excluded.needs,
           after = excluded.after;
    SELECT min(most), count(*), coalesce(sum(granted) FILTER (WHERE worker <> me), 0)
      INTO the_cap.configured, sharing, others
      FROM digitro.allotment WHERE cap = the_cap.number;
    SELECT coalesce(sum(c.slots), 0) INTO cooling
      FROM digitro.cooling_slots AS c WHERE c.cap = the_cap.number;
    UPDATE digitro.cap SET configured = the_cap.configured
     WHERE number = the_cap.number AND configured <> the_cap.configured;
    total := coalesce(the_cap.ordered, the_cap.configured);
    UPDATE digitro.allotment
       SET wants = digitro.useful_slots(total, (told->>'used')::integer,
                                        (told->>'waiting')::integer)
     WHERE cap = the_cap.number AND worker = me
    RETURNING * INTO mine;
    -- With many workers not each of their beats decides anew.
    IF sharing <= 16 OR mine.target IS NULL
       OR the_cap.decided_at < now - digitro.seconds(0.25) THEN
        PERFORM digitro.decide(the_cap.number, greatest(0, total - cooling));
        SELECT * INTO mine FROM digitro.allotment
         WHERE cap = the_cap.number AND worker = me;
    END IF;
    slots := mine.target;
    IF slots > holds THEN
        slots := greatest(holds, least(slots, total - others - cooling));
    END IF;
    UPDATE digitro.allotment
       SET granted = greatest(slots, holds),
           had_at = CASE WHEN greatest(slots, holds) > 0 THEN now ELSE had_at END
     WHERE cap = the_cap.number AND worker = me;
    RETURN jsonb_build_object(
        'address', the_cap.address, 'per', the_cap.per, 'slots', slots,
        'target', mine.target, 'calls', total, 'shares', mine.shares);
END $$;

-- Takes what a worker tells of the pause of one PABX.
CREATE FUNCTION digitro.share_pause(
    me bigint, label text, told jsonb, now timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one digitro.pabx;
    began timestamptz := now - digitro.seconds((told->>'ago')::double precision);
    ended timestamptz := now - digitro.seconds((told->>'ended_ago')::double precision);
    rested timestamptz := now - digitro.seconds((told->>'rest_ago')::double precision);
    rest double precision := (told->>'rest')::double precision;
    next_try timestamptz
        := now + digitro.seconds((told->>'next_try')::double precision);
    is_new boolean;
BEGIN
    UPDATE digitro.worker_pabx SET waiting = (told->>'waiting')::integer
     WHERE worker = me AND address = told->>'address' AND name = told->>'name';
    SELECT * INTO one FROM digitro.pabx
     WHERE address = told->>'address' AND name = told->>'name' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    is_new := one.resumed_at IS NULL OR began > one.resumed_at;
    IF ended IS NOT NULL THEN
        IF one.code IS NOT NULL AND one.since <= ended THEN
            one.code := NULL;
            one.resumed_at := ended;
        END IF;
    ELSIF told->>'code' <> '' THEN
        IF one.prober = me AND NOT one.needs_resume AND one.code IS NOT NULL
           AND NOT (told->>'needs_resume')::boolean THEN
            one.next_at := coalesce(next_try, one.next_at);
            one.is_probing := (told->>'is_probing')::boolean;
        ELSIF is_new AND NOT (told->>'for_others')::boolean
              AND (one.code IS NULL OR ((told->>'needs_resume')::boolean
                                        AND NOT one.needs_resume)) THEN
            one.code := told->>'code';
            one.words := told->>'words';
            one.by_whom := label;
            one.since := began;
            one.needs_resume := (told->>'needs_resume')::boolean;
            one.next_at := next_try;
            one.prober := CASE WHEN one.needs_resume THEN NULL ELSE me END;
            one.is_probing := (told->>'is_probing')::boolean;
        END IF;
    END IF;
    IF rest > 0 AND (one.resumed_at IS NULL OR rested > one.resumed_at) THEN
        one.rest_until := greatest(one.rest_until, now + digitro.seconds(rest));
    END IF;
    UPDATE digitro.pabx
       SET code = one.code, words = one.words, by_whom = one.by_whom, since = one.since,
           needs_resume = one.needs_resume AND one.code IS NOT NULL,
           next_at = one.next_at, prober = one.prober, is_probing = one.is_probing,
           rest_until = one.rest_until, resumed_at = one.resumed_at
     WHERE address = one.address AND name = one.name;
END $$;

-- Returns the pauses of a worker's PABX that hold for all. Where the one that should try
-- a PABX is gone, or has no call to try it with, this worker is to do so.
CREATE FUNCTION digitro.pauses_of(me bigint, now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE digitro.pabx AS p SET prober = me, is_probing = false
      FROM (
          SELECT p.address, p.name
            FROM digitro.pabx AS p
            JOIN digitro.worker_pabx AS mine
              ON mine.address = p.address AND mine.name = p.name
           WHERE mine.worker = me AND p.code IS NOT NULL AND NOT p.needs_resume
             AND p.prober IS DISTINCT FROM me
             AND NOT EXISTS (
                 SELECT FROM digitro.worker AS w
                   JOIN digitro.worker_pabx AS its
                     ON its.worker = w.number AND its.address = p.address
                    AND its.name = p.name
                  WHERE w.number = p.prober AND w.lease_ends > now
                    AND (p.is_probing OR its.waiting > 0 OR mine.waiting = 0))
             -- What another changes just now can be taken over next time.
             FOR UPDATE OF p SKIP LOCKED) AS left_alone
     WHERE p.address = left_alone.address AND p.name = left_alone.name;
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'name', p.name, 'code', coalesce(p.code, ''),
            'words', coalesce(p.words || ' (' || p.by_whom || ')', ''),
            'needs_resume', p.needs_resume,
            'next_try', greatest(0, coalesce(extract(epoch FROM p.next_at - now), 0)),
            'is_prober', p.prober IS NOT DISTINCT FROM me,
            'rest', greatest(0, coalesce(extract(epoch FROM p.rest_until - now), 0))
        )), '[]')
          FROM digitro.worker_pabx AS mine
          JOIN digitro.pabx AS p ON p.address = mine.address AND p.name = mine.name
         WHERE mine.worker = me AND (p.code IS NOT NULL OR p.rest_until > now));
END $$;

-- Enters a process that dials, and returns its number.
CREATE FUNCTION digitro.enroll(
    name text, lease double precision, about jsonb, pabx jsonb
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    me bigint;
BEGIN
    DELETE FROM digitro.worker AS w
     WHERE w.lease_ends < clock_timestamp() - interval '1 day'
       AND NOT EXISTS (SELECT FROM digitro.allotment WHERE worker = w.number);
    INSERT INTO digitro.worker (name, lease, about, began_at, heard_at, lease_ends)
    VALUES (enroll.name, enroll.lease, enroll.about, clock_timestamp(),
            clock_timestamp(), clock_timestamp() + digitro.seconds(enroll.lease))
    RETURNING number INTO me;
    INSERT INTO digitro.pabx (address, name)
    SELECT value, key FROM jsonb_each_text(enroll.pabx) ORDER BY value, key
        ON CONFLICT DO NOTHING;
    INSERT INTO digitro.worker_pabx (worker, address, name)
    SELECT me, value, key FROM jsonb_each_text(enroll.pabx);
    RETURN me;
END $$;

-- Takes what a worker tells, once a second, and returns what holds for it until then.
CREATE FUNCTION digitro.beat(worker bigint, sequence bigint, report jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := clock_timestamp();
    mine digitro.worker;
    told jsonb;
    caps jsonb := '[]';
    owned boolean;
BEGIN
    SELECT * INTO mine FROM digitro.worker AS w
     WHERE w.number = beat.worker FOR UPDATE;
    IF NOT FOUND OR mine.lease_ends <= now THEN
        RETURN jsonb_build_object('state', 'gone');
    END IF;
    IF beat.sequence <= mine.sequence THEN
        RETURN jsonb_build_object('state', 'late');
    END IF;
    UPDATE digitro.worker AS w
       SET sequence = beat.sequence, heard_at = now,
           lease_ends = now + digitro.seconds(mine.lease),
           about = coalesce(report->'about', w.about)
     WHERE w.number = beat.worker;
    IF report ? 'owner' THEN
        UPDATE digitro.owner AS o
           SET lease_until = greatest(o.lease_until, now + digitro.seconds(
               (report->>'owner_lease')::double precision))
         WHERE o.id = report->>'owner' AND o.lease_until > now;
        owned := FOUND;
    END IF;
    FOR told IN SELECT value FROM jsonb_array_elements(report->'caps')
                 ORDER BY value->>'address', (value->>'per')::double precision LOOP
        caps := caps || digitro.share_cap(beat.worker, told, now);
    END LOOP;
    FOR told IN SELECT value FROM jsonb_array_elements(report->'pauses')
                 ORDER BY value->>'address', value->>'name' LOOP
        PERFORM digitro.share_pause(beat.worker, mine.name, told, now);
    END LOOP;
    RETURN jsonb_build_object(
        'state', 'ok', 'caps', caps, 'owned', owned,
        'pauses', digitro.pauses_of(beat.worker, now),
        'campaigns', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'name', name, 'weight', weight,
                       'paused', paused_reason)), '[]')
              FROM digitro.campaign
             WHERE name IN (SELECT jsonb_array_elements_text(report->'campaigns'))));
END $$;

-- Lets a worker go that has no call on the wire, and says until when slots are taken.
CREATE FUNCTION digitro.leave(worker bigint, report jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := clock_timestamp();
    told jsonb;
    the_cap integer;
BEGIN
    PERFORM FROM digitro.worker AS w
      WHERE w.number = leave.worker AND w.lease_ends > now FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE digitro.worker AS w SET heard_at = now, lease_ends = now
     WHERE w.number = leave.worker;
    FOR told IN SELECT value FROM jsonb_array_elements(report->'taken')
                 ORDER BY value->>'address', (value->>'per')::double precision LOOP
        SELECT number INTO the_cap FROM digitro.cap
         WHERE address = told->>'address' AND per = (told->>'per')::double precision
           FOR UPDATE;
        DELETE FROM digitro.allotment AS a
         WHERE a.cap = the_cap AND a.worker = leave.worker;
        IF FOUND THEN
            INSERT INTO digitro.cooling_slots (cap, slots, free_at)
            SELECT the_cap, 1, now + digitro.seconds(value::double precision)
              FROM jsonb_array_elements_text(told->'seconds');
        END IF;
    END LOOP;
END $$;

-- What an operator orders and asks. "pabx" is a name or an address that a worker told.

CREATE FUNCTION digitro.pabx_named(pabx text) RETURNS SETOF digitro.pabx
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM digitro.pabx AS p
     WHERE pabx_named.pabx IS NULL OR pabx_named.pabx IN (p.name, p.address)
     ORDER BY p.address, p.name;
    IF NOT FOUND AND pabx_named.pabx IS NOT NULL THEN
        RAISE EXCEPTION 'no worker has told of a PABX of that name or address'
            USING ERRCODE = 'DG001';
    END IF;
END $$;

-- Locks them in the order in which workers do.
CREATE FUNCTION digitro.lock_pabx(pabx text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM digitro.pabx AS p
       JOIN digitro.pabx_named(lock_pabx.pabx) AS n
         ON n.address = p.address AND n.name = p.name
      ORDER BY p.address, p.name FOR UPDATE OF p;
END $$;

CREATE FUNCTION digitro.pause(pabx text, reason text, by_whom text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    paused integer;
BEGIN
    PERFORM digitro.lock_pabx(pause.pabx);
    UPDATE digitro.pabx AS p
       SET code = pause.reason, words = 'paused by hand', by_whom = pause.by_whom,
           since = clock_timestamp(), needs_resume = true, prober = NULL,
           next_at = NULL, is_probing = false
      FROM digitro.pabx_named(pause.pabx) AS n
     WHERE p.address = n.address AND p.name = n.name;
    GET DIAGNOSTICS paused = ROW_COUNT;
    RETURN paused;
END $$;

CREATE FUNCTION digitro.resume(pabx text, by_whom text) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    resumed integer;
BEGIN
    PERFORM digitro.lock_pabx(resume.pabx);
    UPDATE digitro.pabx AS p
       SET code = NULL, needs_resume = false, rest_until = NULL, prober = NULL,
           resumed_at = clock_timestamp(), by_whom = resume.by_whom
      FROM digitro.pabx_named(resume.pabx) AS n
     WHERE p.address = n.address AND p.name = n.name;
    GET DIAGNOSTICS resumed = ROW_COUNT;
    RETURN resumed;
END $$;

CREATE FUNCTION digitro.change_campaign(
    campaign text, reason text, by_whom text, weight double precision
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    changed integer;
BEGIN
    UPDATE digitro.campaign AS c
       SET weight = coalesce(change_campaign.weight, c.weight),
           paused_reason = CASE WHEN change_campaign.weight IS NULL
               THEN change_campaign.reason ELSE c.paused_reason END,
           paused_by = coalesce(change_campaign.by_whom, c.paused_by),
           paused_at = CASE WHEN change_campaign.weight IS NULL
               THEN clock_timestamp() ELSE c.paused_at END
     WHERE change_campaign.campaign IS NULL OR c.name = change_campaign.campaign;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed = 0 AND change_campaign.campaign IS NOT NULL THEN
        RAISE EXCEPTION 'there is no campaign of that name' USING ERRCODE = 'DG002';
    END IF;
    RETURN changed;
END $$;

CREATE FUNCTION digitro.pause_campaign(campaign text, reason text, by_whom text)
RETURNS integer LANGUAGE sql AS $$
    SELECT digitro.change_campaign(campaign, reason, by_whom, NULL)
$$;

CREATE FUNCTION digitro.resume_campaign(campaign text, by_whom text)
RETURNS integer LANGUAGE sql AS $$
    SELECT digitro.change_campaign(campaign, NULL, by_whom, NULL)
$$;

CREATE FUNCTION digitro.set_weight(campaign text, weight double precision)
RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    IF set_weight.weight IS NULL OR NOT set_weight.weight > 0
       OR set_weight.weight = 'infinity' OR set_weight.weight = 'nan' THEN
        RAISE EXCEPTION 'a weight is a number above 0' USING ERRCODE = 'DG003';
    END IF;
    RETURN digitro.change_campaign(set_weight.campaign, NULL, NULL, set_weight.weight);
END $$;

-- Sets the cap of a PABX's address; no calls sets that which is configured. Its windows
-- stay as they are configured: a rate in longer seconds is parted among them.
CREATE FUNCTION digitro.set_rate(
    pabx text, calls integer, per double precision, by_whom text
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    one record;
    changed integer := 0;
    in_window integer;
BEGIN
    IF NOT (set_rate.calls > 0 AND set_rate.per > 0) THEN
        RAISE EXCEPTION 'a rate is a number of calls above 0 in seconds above 0'
            USING ERRCODE = 'DG003';
    END IF;
    PERFORM digitro.pabx_named(set_rate.pabx);  -- also where there is no cap at all
    FOR one IN
        SELECT DISTINCT ON (c.address) c.* FROM digitro.cap AS c
         WHERE c.per > 0 AND c.address IN
               (SELECT n.address FROM digitro.pabx_named(set_rate.pabx) AS n)
         ORDER BY c.address, c.per <= set_rate.per DESC,
                  CASE WHEN c.per <= set_rate.per THEN -c.per ELSE c.per END
    LOOP
        UPDATE digitro.cap AS c SET ordered = NULL, ordered_by = NULL
         WHERE c.address = one.address AND c.per > 0;
        IF set_rate.calls IS NOT NULL THEN
            -- So many windows cover the seconds that are given.
            in_window := floor(set_rate.calls / ceil(set_rate.per / one.per))::integer;
            IF in_window < 1 OR one.per > set_rate.per THEN
                RAISE EXCEPTION 'the cap of % counts the calls in % s: give at least 1'
                    ' in so many seconds, or pause it', one.address, one.per
                    USING ERRCODE = 'DG003';
            END IF;
            UPDATE digitro.cap AS c
               SET ordered = in_window, ordered_by = set_rate.by_whom
             WHERE c.number = one.number;
        END IF;
        changed := changed + 1;
    END LOOP;
    IF changed = 0 THEN
        RAISE EXCEPTION 'no cap is configured there: give the PABX a rate in its'
            ' settings' USING ERRCODE = 'DG003';
    END IF;
    RETURN changed;
END $$;

CREATE FUNCTION digitro.workers() RETURNS TABLE (
    number bigint, name text, since timestamptz, heard_at timestamptz,
    lease_ends timestamptz, is_alive boolean, about jsonb, caps jsonb
) LANGUAGE sql STABLE AS $$
    SELECT w.number, w.name, w.began_at, w.heard_at, w.lease_ends,
           w.lease_ends > clock_timestamp(), w.about,
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'address', c.address, 'per', c.per, 'slots', a.granted,
                       'shares', a.shares) ORDER BY c.address, c.per), '[]')
              FROM digitro.allotment AS a JOIN digitro.cap AS c ON c.number = a.cap
             WHERE a.worker = w.number)
      FROM digitro.worker AS w ORDER BY w.number
$$;

CREATE FUNCTION digitro.pabx_states() RETURNS TABLE (
    address text, names text[], code text, words text, by_whom text,
    since timestamptz, needs_resume boolean, rest_until timestamptz, caps jsonb
) LANGUAGE sql STABLE AS $$
    SELECT p.address, array_agg(p.name ORDER BY p.name), p.code,
           min(CASE WHEN p.code IS NOT NULL THEN p.words END),
           min(CASE WHEN p.code IS NOT NULL THEN p.by_whom END),
           min(CASE WHEN p.code IS NOT NULL THEN p.since END),
           bool_or(p.needs_resume), max(p.rest_until),
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'per', c.per, 'configured', c.configured, 'ordered', c.ordered,
                       'ordered_by', c.ordered_by,
                       'allotted', (SELECT coalesce(sum(granted), 0)
                                      FROM digitro.allotment WHERE cap = c.number),
                       'cooling', (SELECT coalesce(sum(slots), 0)
                                     FROM digitro.cooling_slots
                                    WHERE cap = c.number
                                      AND free_at > clock_timestamp()))
                       ORDER BY c.per), '[]')
              FROM digitro.cap AS c WHERE c.address = p.address)
      FROM digitro.pabx AS p GROUP BY p.address, p.code ORDER BY p.address
$$;
