"""PURE: the rows of a campaign in PostgreSQL, as SQL gives them and takes them.

An owner is named by its id, since others have the numbers of a file elsewhere. Events
keep their order: in a database they stand behind all that are there, by an offset.
"""

from collections.abc import Mapping
from typing import Final

__all__ = [
    "CHECK_BLOCKS",
    "COLUMNS",
    "COUNTERS",
    "READ",
    "READ_STAGED",
    "RESERVE",
    "STAGED",
]


def _moved(name: str, sign: str) -> str:
    """Return SQL for the number of an event, or for what says that there is none."""
    return f"CASE WHEN {name} > 0 THEN {name} {sign} %(offset)s ELSE {name} END"


READ: Final[Mapping[str, str]] = {
    "identity_key": "SELECT 1, identity_key FROM digitro.campaign WHERE number = %(c)s",
    "setting": (
        "SELECT name, value FROM digitro.setting"
        ' WHERE campaign = %(c)s AND name <> ALL(%(left)s) ORDER BY name COLLATE "C"'
    ),
    "owner": (
        "SELECT id, label, (extract(epoch FROM began_at) * 1000000)::bigint,"
        "       (extract(epoch FROM lease_until) * 1000000)::bigint"
        "  FROM digitro.owner WHERE number IN"
        "       (SELECT owner FROM digitro.contact WHERE campaign = %(c)s"
        "        UNION SELECT owner FROM digitro.event WHERE campaign = %(c)s)"
        ' ORDER BY id COLLATE "C"'
    ),
    "contact": (
        "SELECT contact.number, hash, line, state, attempts, contact.pabx, call_id,"
        "       reason, sent_at, settled_at, owner.id, failures, intent - %(offset)s"
        "  FROM digitro.contact JOIN digitro.person"
        "       ON person.campaign = contact.campaign"
        "          AND person.number = contact.number"
        "  LEFT JOIN digitro.owner ON owner.number = contact.owner"
        " WHERE contact.campaign = %(c)s ORDER BY contact.number"
    ),
    "person": (
        "SELECT number, id, destination, pabx, fields, numbers FROM digitro.person"
        " WHERE campaign = %(c)s ORDER BY number"
    ),
    "event": (
        "SELECT sequence - %(offset)s, contact, step, at, pabx, call_id, reason,"
        "       owner.id"
        "  FROM digitro.event LEFT JOIN digitro.owner ON owner.number = event.owner"
        " WHERE campaign = %(c)s ORDER BY sequence"
    ),
    "import": (
        "SELECT number, file, size, source, began_at, ended_at, successor, contacts,"
        "       new, repeated, rejected, beginning FROM digitro.import"
        " WHERE campaign = %(c)s ORDER BY number"
    ),
    "call_end": (
        "SELECT intent - %(offset)s, contact, disposition, word, started_at, rang_at,"
        "       answered_at, ended_at, pabx_times, evidence FROM digitro.call_end"
        " WHERE campaign = %(c)s ORDER BY intent"
    ),
    "listening": (
        "SELECT owner.id, pabx, timeout FROM digitro.listening JOIN digitro.owner"
        "       ON owner.number = listening.owner WHERE owner.number IN"
        "       (SELECT owner FROM digitro.contact WHERE campaign = %(c)s"
        "        UNION SELECT owner FROM digitro.event WHERE campaign = %(c)s)"
        ' ORDER BY owner.id COLLATE "C", pabx COLLATE "C"'
    ),
    "wait": (
        "SELECT number, priority, due, wait, place FROM digitro.contact"
        " WHERE campaign = %(c)s AND (due IS NOT NULL OR priority <> 0)"
        " ORDER BY number"
    ),
    "callback": (
        "SELECT contact, at, place, moved, is_overdue::integer,"  # noqa: S608 - ours
        f"      {_moved('after', '-')} FROM digitro.callback"
        " WHERE campaign = %(c)s ORDER BY contact"
    ),
    "attempt": (
        "SELECT row_number() OVER (ORDER BY contact, number), contact,"  # noqa: S608 - ours
        f"      {_moved('after', '-')}, place, key, originating, outcome,"
        f"      {_moved('intent', '-')}, began_at, pabx, call_id"
        "  FROM digitro.attempt WHERE campaign = %(c)s ORDER BY 1"
    ),
    # They are those of all campaigns of a database.
    "block_key": "SELECT 1, key FROM digitro.block_key",
    "block": "SELECT hash, reason, until, since FROM digitro.block ORDER BY hash",
}
"""The rows of each table; ``c`` is the campaign, ``offset`` that of its events."""

READ_STAGED: Final[Mapping[str, str]] = {
    "block_key": (
        "SELECT carried.single, CASE WHEN EXISTS (SELECT FROM carried_block)"
        "       THEN block_key.key ELSE carried.key END"
        "  FROM carried_block_key AS carried, digitro.block_key"
    ),
    "block": (
        "SELECT hash, CASE WHEN kept.since > carried.since THEN carried.reason"
        "              ELSE kept.reason END,"
        "       CASE WHEN kept.since > carried.since THEN carried.until"
        "            ELSE kept.until END, carried.since"
        "  FROM carried_block AS carried JOIN digitro.block AS kept USING (hash)"
        " ORDER BY hash"
    ),
}
"""What of a database's own blocks was carried to it: it may have others."""

CHECK_BLOCKS: Final = """
SELECT EXISTS (SELECT FROM digitro.block) AND EXISTS (SELECT FROM carried_block)
       AND NOT EXISTS (SELECT FROM carried_block_key JOIN digitro.block_key USING (key))
"""
"""Whether there are blocks there and here that are hashed with different keys."""

COLUMNS: Final[Mapping[str, str]] = {
    "identity_key": "single integer, key bytea",
    "setting": "name text, value text",
    "owner": "id text, label text, began_at bigint, lease_until bigint",
    "contact": (
        "number bigint, hash bytea, line bigint, state smallint, attempts integer,"
        " pabx text, call_id text, reason text, sent_at double precision,"
        " settled_at double precision, owner text, failures integer, intent bigint"
    ),
    "person": (
        "number bigint, id text, destination text, pabx text, fields text, numbers text"
    ),
    "event": (
        "sequence bigint, contact bigint, step smallint, at double precision,"
        " pabx text, call_id text, reason text, owner text"
    ),
    "import": (
        "number integer, file text, size bigint, source bytea,"
        " began_at double precision, ended_at double precision, successor integer,"
        " contacts bigint, new bigint, repeated bigint, rejected bigint,"
        " beginning bytea"
    ),
    "call_end": (
        "intent bigint, contact bigint, disposition smallint, word text,"
        " started_at double precision, rang_at double precision,"
        " answered_at double precision, ended_at double precision, pabx_times text,"
        " evidence text"
    ),
    "listening": "owner text, pabx text, timeout double precision",
    "wait": (
        "contact bigint, priority integer, due double precision, kind smallint,"
        " place integer"
    ),
    "callback": (
        "contact bigint, at double precision, place integer, moved integer,"
        " is_overdue integer, after bigint"
    ),
    "attempt": (
        "number bigint, contact bigint, after bigint, place integer, key text,"
        " originating text, outcome smallint, intent bigint,"
        " began_at double precision, pabx text, call_id text"
    ),
    "block_key": "single integer, key bytea",
    "block": "hash bytea, reason text, until double precision, since double precision",
}
"""The columns of each table as they are carried, for a table that takes them first."""

STAGED: Final[Mapping[str, str]] = {
    "identity_key": (
        "UPDATE digitro.campaign SET identity_key = key FROM carried_identity_key"
        " WHERE campaign.number = %(c)s"
    ),
    "setting": (
        "INSERT INTO digitro.setting (campaign, name, value)"
        " SELECT %(c)s, name, value FROM carried_setting"
    ),
    "owner": (
        "INSERT INTO digitro.owner (id, label, began_at, lease_until)"
        " SELECT id, label, 'epoch'::timestamptz + began_at * interval '1 us',"
        "        'epoch'::timestamptz + lease_until * interval '1 us'"
        "   FROM carried_owner ORDER BY id"
        " ON CONFLICT (id) DO UPDATE SET label = excluded.label,"
        "    began_at = excluded.began_at, lease_until = excluded.lease_until"
    ),
    "contact": (
        "INSERT INTO digitro.contact (campaign, number, line, state, attempts, pabx,"
        "       call_id, reason, sent_at, settled_at, owner, failures, intent)"
        " SELECT %(c)s, carried.number, line, state, attempts, pabx, call_id, reason,"
        "        sent_at, settled_at, owner.number, failures, intent + %(offset)s"
        "   FROM carried_contact AS carried LEFT JOIN digitro.owner"
        "        ON owner.id = carried.owner ORDER BY carried.number"
    ),
    "person": (
        "INSERT INTO digitro.person (campaign, number, hash, id, destination, pabx,"
        "       fields, numbers)"
        " SELECT %(c)s, number, hash, id, destination, carried_person.pabx, fields,"
        "        numbers"
        "   FROM carried_person JOIN carried_contact USING (number) ORDER BY number"
    ),
    "event": (
        "INSERT INTO digitro.event (campaign, sequence, contact, step, at, pabx,"
        "       call_id, reason, owner)"
        " SELECT %(c)s, sequence + %(offset)s, contact, step, at, pabx, call_id,"
        "        reason, owner.number FROM carried_event LEFT JOIN digitro.owner"
        "        ON owner.id = carried_event.owner ORDER BY sequence"
    ),
    "import": (
        "INSERT INTO digitro.import (campaign, number, file, size, source, began_at,"
        "       ended_at, successor, contacts, new, repeated, rejected, beginning)"
        " SELECT %(c)s, number, file, size, source, began_at, ended_at, successor,"
        "        contacts, new, repeated, rejected, beginning FROM carried_import"
    ),
    "call_end": (
        "INSERT INTO digitro.call_end (campaign, intent, contact, disposition, word,"
        "       started_at, rang_at, answered_at, ended_at, pabx_times, evidence)"
        " SELECT %(c)s, intent + %(offset)s, contact, disposition, word, started_at,"
        "        rang_at, answered_at, ended_at, pabx_times, evidence"
        "   FROM carried_call_end"
    ),
    "listening": (
        "INSERT INTO digitro.listening (owner, campaign, pabx, timeout)"
        " SELECT number, %(c)s, pabx, timeout FROM carried_listening JOIN digitro.owner"
        "        ON owner.id = carried_listening.owner"
        " ON CONFLICT (owner, pabx) DO UPDATE SET timeout = excluded.timeout"
    ),
    "wait": (
        "UPDATE digitro.contact AS c SET priority = carried.priority,"
        "       due = carried.due, wait = carried.kind, place = carried.place"
        "  FROM carried_wait AS carried"
        " WHERE c.campaign = %(c)s AND c.number = carried.contact"
    ),
    "callback": (
        "INSERT INTO digitro.callback (campaign, contact, at, place, moved,"  # noqa: S608 - ours
        "       is_overdue, after)"
        " SELECT %(c)s, contact, at, place, moved, is_overdue <> 0,"
        f"       {_moved('after', '+')} FROM carried_callback"
    ),
    "attempt": (
        "INSERT INTO digitro.attempt (campaign, contact, after, place, key,"  # noqa: S608 - ours
        "       originating, outcome, intent, began_at, pabx, call_id)"
        f" SELECT %(c)s, contact, {_moved('after', '+')}, place, key, originating,"
        f"        outcome, {_moved('intent', '+')}, began_at, pabx, call_id"
        "   FROM carried_attempt ORDER BY number"
    ),
    # Only a database without blocks takes over another key: see CHECK_BLOCKS.
    "block_key": (
        "UPDATE digitro.block_key SET key = carried.key, changes = changes + 1"
        "  FROM carried_block_key AS carried"
        " WHERE EXISTS (SELECT FROM carried_block)"
    ),
    "block": (
        "INSERT INTO digitro.block AS kept (hash, reason, until, since)"
        " SELECT hash, reason, until, since FROM carried_block"
        " ON CONFLICT (hash) DO UPDATE SET reason = excluded.reason,"
        "    until = excluded.until, since = excluded.since"
        "  WHERE kept.since <= excluded.since"
    ),
}
"""What puts the rows of each table where they belong, once all were taken."""

COUNTERS: Final = """
UPDATE digitro.campaign
   SET contacts = (SELECT coalesce(max(number), 0) FROM carried_contact),
       imports = (SELECT coalesce(max(number), 0) FROM carried_import)
 WHERE number = %(c)s
"""
"""Lets the numbers of later contacts and imports begin behind those that were taken."""

RESERVE: Final = """
WITH next AS (
    SELECT pg_get_serial_sequence('digitro.event', 'sequence')::regclass AS name
)
SELECT setval(name, nextval(name) + %(events)s) - %(events)s FROM next
"""
"""Takes numbers for events; nobody else may take any meanwhile."""
