-- Who waits for the ends of calls whose own worker is gone.

-- The campaign of the calls, and the end of the lease over which they were taken on by
-- others. An owner that was frozen and goes on has a later one.
ALTER TABLE digitro.listening
    ADD COLUMN campaign integer,
    ADD COLUMN taken timestamptz;

-- Calls that were taken on, until their ends are told.
CREATE TABLE digitro.call_follower (
    intent   bigint PRIMARY KEY,
    contact  bigint NOT NULL,
    campaign integer NOT NULL,
    owner    integer NOT NULL              -- who follows it
);

-- Takes on the calls without an end of owners whose lease is over: of the PABX named,
-- whose events the taker hears, and of any where all of them are out of time. Each is
-- given to one taker, and again only where that one is gone too.
CREATE FUNCTION digitro.follow_calls(
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
         WHERE c.state IN (4, 6) AND c.intent IS NOT NULL
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
           coalesce(CASE c.state WHEN 4 THEN c.settled_at ELSE c.sent_at END, 0)
      FROM (SELECT * FROM taken UNION ALL SELECT * FROM taken_again) AS one
      JOIN digitro.contact AS c
        ON c.campaign = p_campaign AND c.number = one.contact AND c.intent = one.intent
      JOIN digitro.listening AS l ON l.owner = c.owner AND l.pabx = c.pabx
     ORDER BY c.number;
END $$;
