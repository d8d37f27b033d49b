"""The statements by which the results of campaigns in a database are read."""

from typing import Final

from digitro_async.ledger._result_feed_port import POSITION, RESULT_CODES
from digitro_async.ledger._stored_ends import END_VALUES

__all__ = [
    "CAMPAIGNS",
    "CHECK",
    "ENDS",
    "KEEP",
    "LAST_EVENT",
    "LAST_TOLD",
    "OUTCOMES",
    "TAKE",
    "WRITERS",
]

CAMPAIGNS: Final = f"""
SELECT c.number, c.name, c.identity_key, coalesce(s.value, '')
  FROM digitro.campaign AS c
  LEFT JOIN digitro.setting AS s ON s.campaign = c.number AND s.name = '{POSITION}'
 WHERE %(names)s::text[] IS NULL OR c.name = ANY (%(names)s)
 ORDER BY c.number
"""  # noqa: S608 - our own name
"""The campaigns, and up to where the results of each were handed on."""

TAKE: Final = "SELECT pg_try_advisory_lock(%s, %s)"
"""Takes the right to hand on the results of a campaign, as long as the connection
lives."""

LAST_TOLD: Final = """
SELECT coalesce(max(n.told), 0)
  FROM digitro.campaign AS c CROSS JOIN LATERAL
       (SELECT max(told) AS told FROM digitro.call_end WHERE campaign = c.number) AS n
"""  # for each campaign, as the index goes by it
LAST_EVENT: Final = "SELECT coalesce(max(sequence), 0) FROM digitro.event"
"""The last numbers that can be seen; lower ones may come to be seen later."""

WRITERS: Final = """
SELECT DISTINCT virtualtransaction FROM pg_locks
 WHERE locktype = 'relation' AND granted
   AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock')
   AND relation IN ('digitro.event'::regclass, 'digitro.call_end'::regclass)
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Who may have drawn a number and not committed it yet: whoever adds a row has this
lock before it draws one, and until what it committed can be seen."""

OUTCOMES: Final = f"""
SELECT e.sequence, e.contact, e.step, e.at, e.pabx, e.call_id, e.reason, p.id
  FROM digitro.event AS e
  LEFT JOIN digitro.person AS p ON p.campaign = e.campaign AND p.number = e.contact
 WHERE e.campaign = %(campaign)s AND e.sequence > %(after)s AND e.sequence <= %(until)s
   AND e.step IN ({", ".join(map(str, RESULT_CODES))})
 ORDER BY e.sequence LIMIT %(most)s
"""  # noqa: S608 - our own numbers

ENDS: Final = f"""
SELECT n.told, n.intent, n.contact, i.at, i.pabx, p.id,
       CASE WHEN c.intent = n.intent THEN c.call_id END,
       {", ".join(f"n.{one}" for one in END_VALUES)}
  FROM digitro.call_end AS n
  LEFT JOIN digitro.event AS i ON i.sequence = n.intent
  LEFT JOIN digitro.person AS p ON p.campaign = n.campaign AND p.number = n.contact
  LEFT JOIN digitro.contact AS c ON c.campaign = n.campaign AND c.number = n.contact
 WHERE n.campaign = %(campaign)s AND n.told <= %(until)s
   AND (n.told, n.intent) > (%(told)s, %(intent)s)
 ORDER BY n.told, n.intent LIMIT %(most)s
"""  # noqa: S608 - our own names

CHECK: Final = "SELECT contact, step, at FROM digitro.event WHERE sequence = %(event)s"
"""The event at a position, by which a database that was set back is known."""

KEEP: Final = f"""
INSERT INTO digitro.setting (campaign, name, value)
VALUES (%(campaign)s, '{POSITION}', %(value)s)
    ON CONFLICT (campaign, name) DO UPDATE SET value = excluded.value
"""  # noqa: S608 - our own name
