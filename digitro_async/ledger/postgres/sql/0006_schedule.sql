-- Who waits until when, what was tried, and who is not to be called: see
-- ledger/_schedule_port.py.

-- JSON: all its numbers, where it has several.
ALTER TABLE digitro.person ADD COLUMN numbers text;

ALTER TABLE digitro.contact
    ADD COLUMN due      double precision,  -- Unix time; none for one that never waited
    ADD COLUMN wait     smallint,          -- what for: see ledger/_codes.py
    ADD COLUMN place    smallint NOT NULL DEFAULT 0,   -- of the number tried next
    ADD COLUMN priority smallint NOT NULL DEFAULT 0;
-- Most contacts never wait and have no priority: these are in none of both.
CREATE INDEX contact_due ON digitro.contact (campaign, priority, due, number)
    WHERE state = 1 AND due IS NOT NULL;
CREATE INDEX contact_preferred ON digitro.contact (campaign, priority, number)
    WHERE state = 1 AND due IS NULL AND priority <> 0;

-- Calls that were agreed on.
CREATE TABLE digitro.callback (
    campaign   integer NOT NULL,
    contact    bigint NOT NULL,
    at         double precision NOT NULL,  -- Unix time
    place      integer,
    moved      integer NOT NULL,
    is_overdue boolean NOT NULL,
    after      bigint NOT NULL,            -- the contact's intent then: a later one made it
    PRIMARY KEY (campaign, contact)
);

-- By which number a contact was called, or is about to be. The last attempt of a contact
-- takes what is known of it from the contact itself, so that calls cost nothing more.
CREATE TABLE digitro.attempt (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,   -- in the order of planning
    campaign    integer NOT NULL,
    contact     bigint NOT NULL,
    after       bigint NOT NULL,           -- the contact's intent before it; 0 for none
    place       integer NOT NULL,
    key         text,                      -- of the number, in digits: personal
    originating text,
    outcome     smallint,                  -- this and what follows once it is over
    intent      bigint,
    began_at    double precision,
    pabx        text,
    call_id     text
);
CREATE INDEX attempt_contact ON digitro.attempt (campaign, contact);
CREATE INDEX attempt_open ON digitro.attempt (campaign, contact) WHERE outcome IS NULL;
CREATE INDEX attempt_key ON digitro.attempt (key) WHERE key IS NOT NULL;
CREATE INDEX attempt_began ON digitro.attempt (began_at) WHERE began_at IS NOT NULL;
CREATE INDEX attempt_call_id ON digitro.attempt (campaign, pabx, call_id)
    WHERE call_id IS NOT NULL;

-- What blocked numbers are hashed with, and how often they were changed.
CREATE TABLE digitro.block_key (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    key     bytea NOT NULL,
    changes bigint NOT NULL DEFAULT 0
);
INSERT INTO digitro.block_key (key)
SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());

-- Numbers that nobody is to call, in any campaign.
CREATE TABLE digitro.block (
    hash   bytea PRIMARY KEY,              -- keyed hash of the number's key
    reason text NOT NULL,
    until  double precision,               -- Unix time; none for ever
    since  double precision NOT NULL       -- Unix time
);

-- Returns the number of a place; the first where the contact has fewer by now.
CREATE FUNCTION digitro.number_at(numbers text, place integer, destination text)
RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN coalesce(numbers::json -> place ->> 0, destination);
EXCEPTION WHEN OTHERS THEN
    RETURN destination;
END $$;

-- Whether a contact was called last by a run that plans no attempts.
CREATE FUNCTION digitro.is_unplanned(c digitro.contact) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT c.sent_at IS NOT NULL AND c.state IN (3, 4, 5, 6) AND NOT EXISTS (
        SELECT FROM digitro.attempt AS a
         WHERE a.campaign = c.campaign AND a.contact = c.number
           AND (a.outcome IS NULL OR a.intent = coalesce(c.intent, 0)))
$$;

-- Ends the attempts of contacts that were called, and that something else follows.
CREATE FUNCTION digitro.end_attempts(p_campaign integer, p_contacts bigint[])
RETURNS void LANGUAGE sql AS $$
    UPDATE digitro.attempt AS a
       SET outcome = CASE c.state WHEN 4 THEN 1 WHEN 5 THEN 2 WHEN 6 THEN 3 ELSE 4 END,
           intent = coalesce(c.intent, 0), began_at = c.sent_at, pabx = c.pabx,
           call_id = c.call_id
      FROM digitro.contact AS c
     WHERE a.campaign = p_campaign AND a.contact = ANY (p_contacts)
       AND a.outcome IS NULL AND c.campaign = a.campaign AND c.number = a.contact
       AND coalesce(c.intent, 0) > a.after
$$;

-- The same of contacts that are claimed anew; drops plans that no intent followed.
CREATE FUNCTION digitro.end_plans(p_campaign integer, p_contacts bigint[])
RETURNS void LANGUAGE sql AS $$
    SELECT digitro.end_attempts(p_campaign, p_contacts);
    DELETE FROM digitro.attempt
     WHERE campaign = p_campaign AND contact = ANY (p_contacts) AND outcome IS NULL;
$$;

-- Ends the last attempt of a contact that is to be called again. The place is that of
-- the number that it was called by, where nobody planned that.
CREATE FUNCTION digitro.end_attempt(
    p_campaign integer, p_contact bigint, p_place integer
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO digitro.attempt (campaign, contact, after, place)
    SELECT c.campaign, c.number, -1, p_place FROM digitro.contact AS c
     WHERE c.campaign = p_campaign AND c.number = p_contact AND digitro.is_unplanned(c);
    SELECT digitro.end_attempts(p_campaign, ARRAY[p_contact]);
$$;

-- As before, but nobody is claimed who waits, and claims end what was planned before.
CREATE OR REPLACE FUNCTION digitro.claim_contacts(
    p_campaign integer, p_owner text, p_label text, p_lease double precision,
    p_most integer, p_first bigint, p_last bigint, p_failures integer,
    p_pabx text[], p_now double precision
) RETURNS TABLE (
    contact bigint, attempts integer, destination text, pabx text, fields text
) LANGUAGE plpgsql AS $$
DECLARE
    claimer integer := digitro.begin_lease(p_owner, p_label, p_lease, p_now);
    at double precision := coalesce(p_now, extract(epoch FROM clock_timestamp()));
    gone integer[] := ARRAY(
        SELECT o.number FROM digitro.owner AS o
         WHERE o.lease_until <= coalesce(to_timestamp(p_now), clock_timestamp())
           AND EXISTS (SELECT 1 FROM digitro.contact AS c
                        WHERE c.owner = o.number AND c.campaign = p_campaign
                          AND c.state = 2));
    chosen bigint[];
BEGIN
    WITH waiting AS MATERIALIZED (
        SELECT c.number FROM digitro.contact AS c
         WHERE c.campaign = p_campaign AND c.state = 1
           AND coalesce(c.due, 0) <= at
           AND NOT EXISTS (SELECT 1 FROM digitro.setting AS s
                            WHERE s.campaign = p_campaign AND s.name = 'provenance')
           AND c.number BETWEEN p_first AND p_last AND c.failures < p_failures
           AND (p_pabx IS NULL OR EXISTS (
                SELECT 1 FROM digitro.person AS p
                 WHERE p.campaign = p_campaign AND p.number = c.number
                   AND coalesce(p.pabx, '') = ANY (p_pabx)))
         ORDER BY c.number LIMIT p_most FOR NO KEY UPDATE OF c SKIP LOCKED
    ), left_over AS MATERIALIZED (
        SELECT c.number FROM digitro.contact AS c
         WHERE c.owner = ANY (gone) AND c.campaign = p_campaign
           AND c.state = 2 AND coalesce(c.due, 0) <= at
           AND NOT EXISTS (SELECT 1 FROM digitro.setting AS s
                            WHERE s.campaign = p_campaign AND s.name = 'provenance')
           AND c.number BETWEEN p_first AND p_last AND c.failures < p_failures
           AND (p_pabx IS NULL OR EXISTS (
                SELECT 1 FROM digitro.person AS p
                 WHERE p.campaign = p_campaign AND p.number = c.number
                   AND coalesce(p.pabx, '') = ANY (p_pabx)))
         ORDER BY c.number LIMIT p_most FOR NO KEY UPDATE OF c SKIP LOCKED
    )
    SELECT array_agg(one.number) INTO chosen
      FROM (SELECT number FROM waiting UNION ALL SELECT number FROM left_over
             ORDER BY number LIMIT p_most) AS one;
    IF EXISTS (SELECT FROM digitro.attempt AS a
                WHERE a.campaign = p_campaign AND a.outcome IS NULL) THEN
        PERFORM digitro.end_plans(p_campaign, chosen);
    END IF;
    contact := claimer;
    RETURN NEXT;
    RETURN QUERY
    WITH claimed AS (
        UPDATE digitro.contact AS c SET state = 2, owner = claimer
         WHERE c.campaign = p_campaign AND c.number = ANY (chosen)
           AND NOT EXISTS (SELECT FROM digitro.setting AS s
                            WHERE s.campaign = p_campaign AND s.name = 'provenance')
        RETURNING c.number, c.attempts, c.place
    )
    SELECT claimed.number, claimed.attempts,
           CASE WHEN claimed.place > 0
                THEN digitro.number_at(p.numbers, claimed.place, p.destination)
                ELSE p.destination END,
           p.pabx, p.fields
      FROM claimed JOIN digitro.person AS p
        ON p.campaign = p_campaign AND p.number = claimed.number
     ORDER BY claimed.number;
END $$;

-- Whether one of some PABX must take a contact; '' among them means any may.
CREATE FUNCTION digitro.is_of_pabx(p_campaign integer, p_number bigint, p_pabx text[])
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM digitro.person AS p
                    WHERE p.campaign = p_campaign AND p.number = p_number
                      AND coalesce(p.pabx, '') = ANY (p_pabx))
$$;

-- Begins an owner's lease anew and claims contacts for it: those that wait for
-- something of some kinds, by priority and then by when they were due, and behind them
-- those that never waited, in the order of import. The first row has the owner's number.
CREATE FUNCTION digitro.claim_scheduled(
    p_campaign integer, p_owner text, p_label text, p_lease double precision,
    p_most integer, p_due double precision, p_kinds smallint[], p_fresh boolean,
    p_priority integer, p_after bigint, p_first bigint, p_last bigint,
    p_failures integer, p_pabx text[], p_now double precision
) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    claimer integer := digitro.begin_lease(p_owner, p_label, p_lease, p_now);
    gone integer[] := ARRAY(
        SELECT o.number FROM digitro.owner AS o
         WHERE o.lease_until <= coalesce(to_timestamp(p_now), clock_timestamp())
           AND EXISTS (SELECT FROM digitro.contact AS c
                        WHERE c.owner = o.number AND c.campaign = p_campaign
                          AND c.state = 2));
    one integer := p_priority;
    left_over bigint[] := '{}';
    waited bigint[] := '{}';
    fresh bigint[] := '{}';
    found bigint[];
    chosen bigint[];
BEGIN
    RETURN NEXT claimer;
    -- What owners that are gone left: few, and first of all, as they come among others.
    IF cardinality(gone) > 0 THEN
        left_over := ARRAY(
            SELECT c.number FROM digitro.contact AS c
             WHERE c.owner = ANY (gone) AND c.campaign = p_campaign AND c.state = 2
               AND (c.due IS NULL AND p_fresh AND c.number > p_after
                    OR c.due <= p_due AND c.wait = ANY (p_kinds))
               AND (p_priority IS NULL OR c.priority = p_priority)
               AND c.number BETWEEN p_first AND p_last AND c.failures < p_failures
               AND (p_pabx IS NULL OR digitro.is_of_pabx(p_campaign, c.number, p_pabx))
               FOR NO KEY UPDATE OF c SKIP LOCKED);
    END IF;
    -- A priority at a time: no look goes over those that are due later.
    IF cardinality(p_kinds) > 0 THEN
        LOOP
            IF p_priority IS NULL THEN
                SELECT max(c.priority) INTO one FROM digitro.contact AS c
                 WHERE c.campaign = p_campaign AND c.state = 1 AND c.due IS NOT NULL
                   AND c.priority < coalesce(one, 40000);
            END IF;
            EXIT WHEN one IS NULL OR cardinality(waited) >= p_most;
            found := ARRAY(
                SELECT c.number FROM digitro.contact AS c
                 WHERE c.campaign = p_campaign AND c.state = 1 AND c.priority = one
                   AND c.due <= p_due AND c.wait = ANY (p_kinds)
                   AND c.number BETWEEN p_first AND p_last AND c.failures < p_failures
                   AND (p_pabx IS NULL
                        OR digitro.is_of_pabx(p_campaign, c.number, p_pabx))
                 ORDER BY c.due, c.number LIMIT p_most - cardinality(waited)
                   FOR NO KEY UPDATE OF c SKIP LOCKED);
            waited := waited || found;
            EXIT WHEN p_priority IS NOT NULL;
        END LOOP;
    END IF;
    IF p_fresh AND cardinality(waited) < p_most THEN
        IF coalesce(p_priority, 0) = 0 THEN
            fresh := ARRAY(
                SELECT c.number FROM digitro.contact AS c
                 WHERE c.campaign = p_campaign AND c.state = 1 AND c.due IS NULL
                   AND (p_priority IS NULL OR c.priority = 0)
                   AND c.number > p_after
                   AND c.number BETWEEN p_first AND p_last AND c.failures < p_failures
                   AND (p_pabx IS NULL
                        OR digitro.is_of_pabx(p_campaign, c.number, p_pabx))
                 ORDER BY c.number LIMIT p_most - cardinality(waited)
                   FOR NO KEY UPDATE OF c SKIP LOCKED);
        ELSE
            fresh := ARRAY(
                SELECT c.number FROM digitro.contact AS c
                 WHERE c.campaign = p_campaign AND c.state = 1 AND c.due IS NULL
                   AND c.priority <> 0 AND c.priority = p_priority
                   AND c.number > p_after
                   AND c.number BETWEEN p_first AND p_last AND c.failures < p_failures
                   AND (p_pabx IS NULL
                        OR digitro.is_of_pabx(p_campaign, c.number, p_pabx))
                 ORDER BY c.number LIMIT p_most - cardinality(waited)
                   FOR NO KEY UPDATE OF c SKIP LOCKED);
        END IF;
    END IF;
    chosen := ARRAY(
        SELECT c.number FROM digitro.contact AS c
         WHERE c.campaign = p_campaign AND c.number = ANY (left_over || waited || fresh)
         ORDER BY c.due IS NULL, CASE WHEN c.due IS NULL THEN 0 ELSE c.priority END DESC,
                  c.due, c.number
         LIMIT p_most);
    IF cardinality(chosen) = 0 THEN
        RETURN;
    END IF;
    -- Of a campaign that may not be dialled nobody gets any: see claim_contacts.
    WITH claimed AS (
        UPDATE digitro.contact AS c SET state = 2, owner = claimer
         WHERE c.campaign = p_campaign AND c.number = ANY (chosen)
           AND NOT EXISTS (SELECT FROM digitro.setting AS s
                            WHERE s.campaign = p_campaign AND s.name = 'provenance')
        RETURNING c.number
    )
    SELECT array_agg(number) INTO found FROM claimed;
    PERFORM digitro.end_plans(p_campaign, found);
    RETURN QUERY SELECT c FROM unnest(chosen) WITH ORDINALITY AS one (c, place)
                  WHERE c = ANY (found) ORDER BY place;
END $$;

-- Notes by which numbers claimed contacts are about to be called, and returns those that
-- are left out. Where numbers are held, whoever plans one of them at the same time, in
-- any campaign, waits for the end of this transaction.
CREATE FUNCTION digitro.plan_attempts(
    p_campaign integer, p_owner text, p_contacts bigint[], p_places integer[],
    p_keys text[], p_originating text[], p_hold boolean
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    planned bigint[];
    held text[];
BEGIN
    IF p_hold THEN
        -- Some locks for all numbers: a server has room for thousands, not for millions.
        PERFORM pg_advisory_xact_lock(1145523251, one.hash)
           FROM (SELECT DISTINCT hashtext(key) & 63 AS hash FROM unnest(p_keys) AS key
                  ORDER BY 1) AS one;
    END IF;
    planned := ARRAY(
        SELECT c.number FROM digitro.contact AS c
         WHERE c.campaign = p_campaign AND c.number = ANY (p_contacts) AND c.state = 2
           AND c.owner = (SELECT number FROM digitro.owner WHERE id = p_owner)
           FOR NO KEY UPDATE OF c);
    IF p_hold THEN
        held := ARRAY(
            SELECT a.key FROM digitro.attempt AS a JOIN digitro.contact AS c
                ON c.campaign = a.campaign AND c.number = a.contact
             WHERE a.key = ANY (p_keys) AND a.outcome IS NULL AND c.state IN (2, 3)
               AND NOT (a.campaign = p_campaign AND (a.contact, a.key) IN (
                        SELECT * FROM unnest(p_contacts, p_keys))));
        -- Of several the one that holds it already, or else the first.
        planned := ARRAY(
            SELECT DISTINCT ON (one.key) one.contact
              FROM unnest(p_contacts, p_keys) WITH ORDINALITY AS one (contact, key, nth)
              LEFT JOIN digitro.attempt AS a
                ON a.campaign = p_campaign AND a.contact = one.contact
               AND a.outcome IS NULL AND a.key = one.key
             WHERE one.contact = ANY (planned) AND one.key <> ALL (held)
             ORDER BY one.key, a.number IS NULL, one.nth);
    END IF;
    PERFORM digitro.end_plans(p_campaign, planned);
    INSERT INTO digitro.attempt (campaign, contact, after, place, key, originating)
    SELECT p_campaign, one.contact, coalesce(c.intent, 0), one.place, one.key,
           one.originating
      FROM unnest(p_contacts, p_places, p_keys, p_originating) WITH ORDINALITY
           AS one (contact, place, key, originating, nth)
      JOIN digitro.contact AS c ON c.campaign = p_campaign AND c.number = one.contact
     WHERE one.contact = ANY (planned) ORDER BY one.nth;
    RETURN ARRAY(
        SELECT one.contact FROM unnest(p_contacts) WITH ORDINALITY AS one (contact, nth)
         WHERE one.contact <> ALL (planned) ORDER BY one.nth);
END $$;

-- As before, but a call id that a PABX gave for an earlier attempt is a repeated one.
CREATE OR REPLACE FUNCTION digitro.record_calls(
    p_campaign integer,
    p_intents bigint[], p_intending integer[], p_intended_by text[],
    p_intended_at double precision[],
    p_outcomes bigint[], p_settling integer[], p_steps smallint[],
    p_states smallint[], p_failed smallint[], p_settled_at double precision[],
    p_settled_by text[], p_call_ids text[], p_reasons text[]
) RETURNS TABLE (intended bigint[], settled bigint[], repeated bigint[])
LANGUAGE plpgsql AS $$
DECLARE
    is_called_again boolean := EXISTS (
        SELECT FROM digitro.attempt AS a
         WHERE a.campaign = p_campaign AND a.call_id IS NOT NULL);
BEGIN
    IF cardinality(p_intents) > 0 THEN
        WITH begun AS (
            UPDATE digitro.contact AS c
               SET state = 3, attempts = c.attempts + 1, pabx = one.pabx,
                   sent_at = one.at, intent = nextval('digitro.event_sequence_seq'),
                   call_id = NULL, reason = NULL, settled_at = NULL
              FROM unnest(p_intents, p_intending, p_intended_by, p_intended_at)
                   WITH ORDINALITY AS one (contact, owner, pabx, at, place)
             WHERE c.campaign = p_campaign AND c.number = one.contact
               AND c.state = 2 AND c.owner = one.owner
            RETURNING c.intent, one.*
        ), noted AS (
            INSERT INTO digitro.event
                   (sequence, contact, owner, step, at, pabx, campaign)
            SELECT intent, contact, owner, 3, at, pabx, p_campaign FROM begun
        )
        SELECT array_agg(place) INTO intended FROM begun;
    END IF;
    IF cardinality(p_outcomes) > 0 THEN
        WITH told AS MATERIALIZED (
            SELECT one.*, one.step = 4 AND one.call_id IS NOT NULL AND EXISTS (
                       SELECT 1 FROM digitro.contact AS c
                        WHERE c.campaign = p_campaign AND c.pabx = one.pabx
                          AND c.call_id = one.call_id
                       UNION ALL
                       SELECT 1 FROM digitro.attempt AS a
                        WHERE is_called_again AND a.campaign = p_campaign
                          AND a.pabx = one.pabx AND a.call_id = one.call_id
                   ) AS is_repeated
              FROM unnest(p_outcomes, p_settling, p_steps, p_states, p_failed,
                          p_settled_at, p_settled_by, p_call_ids, p_reasons)
                   WITH ORDINALITY AS one (contact, owner, step, becomes, failed, at,
                                           pabx, call_id, reason, place)
        ), ended AS (
            UPDATE digitro.contact AS c
               SET state = CASE WHEN is_repeated THEN 6 ELSE told.becomes END,
                   call_id = CASE WHEN told.step = 4 AND NOT is_repeated
                                  THEN told.call_id END,
                   reason = CASE WHEN is_repeated THEN 'repeated_call_id'
                                 ELSE told.reason END,
                   settled_at = told.at, failures = c.failures + told.failed
              FROM told
             WHERE c.campaign = p_campaign AND c.number = told.contact
               AND c.state = 3 AND c.owner = told.owner
            RETURNING told.*, c.reason AS kept_reason
        ), noted AS (
            INSERT INTO digitro.event
                   (contact, owner, step, at, pabx, call_id, reason, campaign)
            SELECT contact, owner, CASE WHEN is_repeated THEN 6 ELSE step END, at, pabx,
                   call_id, kept_reason, p_campaign
              FROM ended ORDER BY place
        )
        SELECT array_agg(place), array_agg(place) FILTER (WHERE is_repeated)
          INTO settled, repeated FROM ended;
    END IF;
    RETURN NEXT;
END $$;

-- As before, and the calls of contacts that another call was agreed on with meanwhile.
CREATE OR REPLACE FUNCTION digitro.follow_calls(
    p_campaign integer, p_owner text, p_label text, p_lease double precision,
    p_pabx text[], p_now double precision
) RETURNS TABLE (
    contact bigint, pabx text, call_id text, timeout double precision,
    since double precision
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    follower integer := digitro.begin_lease(p_owner, p_label, p_lease, p_now);
    at timestamptz := coalesce(to_timestamp(p_now), clock_timestamp());
BEGIN
    DELETE FROM digitro.call_follower AS f USING digitro.call_end AS e
     WHERE f.campaign = p_campaign AND e.intent = f.intent;
    RETURN QUERY
    WITH gone AS MATERIALIZED (
        SELECT l.owner, l.pabx, o.lease_until
          FROM digitro.listening AS l JOIN digitro.owner AS o ON o.number = l.owner
         WHERE l.campaign = p_campaign AND o.lease_until <= at AND o.number <> follower
           AND (l.taken IS NULL OR l.taken < o.lease_until)
           AND (l.pabx = ANY (p_pabx)
                OR o.lease_until + l.timeout * interval '1 second' <= at)
           FOR UPDATE OF l SKIP LOCKED
    ), noted AS (
        UPDATE digitro.listening AS l SET taken = gone.lease_until
          FROM gone WHERE l.owner = gone.owner AND l.pabx = gone.pabx
    ), taken AS (
        INSERT INTO digitro.call_follower AS f (intent, contact, campaign, owner)
        SELECT c.intent, c.number, c.campaign, follower
          FROM gone JOIN digitro.contact AS c
            ON c.campaign = p_campaign AND c.owner = gone.owner AND c.pabx = gone.pabx
         WHERE (c.state IN (4, 6) OR c.state = 1 AND c.call_id IS NOT NULL) AND c.intent IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM digitro.call_end AS e
                            WHERE e.intent = c.intent)
            ON CONFLICT (intent) DO NOTHING
        RETURNING f.contact, f.intent
    ), taken_again AS (
        UPDATE digitro.call_follower AS f SET owner = follower
          FROM digitro.owner AS o, digitro.contact AS c, digitro.listening AS l
         WHERE f.campaign = p_campaign AND o.number = f.owner AND o.lease_until <= at
           AND o.number <> follower
           AND c.campaign = f.campaign AND c.number = f.contact
           AND l.owner = c.owner AND l.pabx = c.pabx
           AND (c.pabx = ANY (p_pabx)
                OR o.lease_until + l.timeout * interval '1 second' <= at)
        RETURNING f.contact, f.intent
    )
    SELECT c.number, c.pabx, c.call_id, l.timeout,
           coalesce(CASE c.state WHEN 6 THEN c.sent_at ELSE c.settled_at END, 0)
      FROM (SELECT * FROM taken UNION ALL SELECT * FROM taken_again) AS one
      JOIN digitro.contact AS c
        ON c.campaign = p_campaign AND c.number = one.contact AND c.intent = one.intent
      JOIN digitro.listening AS l ON l.owner = c.owner AND l.pabx = c.pabx
     ORDER BY c.number;
END $$;
