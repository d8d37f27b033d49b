"""PURE: what happens inside a client, as values: each is one activity.

No number, id, key, password or text of a PABX is in one, so that whoever observes may
show all of it: the page of a supervisor, a metric, a log.
"""

from typing import TypeAlias

import attrs

from digitro_async.call_events import Disposition, EndEvidence
from digitro_async.errors import Outcome
from digitro_async.observe._events import ClientEvent

__all__ = [
    "ActivitiesLost",
    "Activity",
    "CallEnded",
    "CallQueued",
    "CallRetried",
    "CallSent",
    "CallSettled",
]


@attrs.frozen(kw_only=True)
class CallQueued:
    """A call was taken on: it waits for its turn, or has it at once.

    Attributes:
        serial: Its number in this client, the same in each of its activities.
        time: Unix time.
        pabx: Name of the PABX that must take it, None where any may.
        command: Name of its command; ``other`` where it is known by its path alone.
    """

    serial: int
    time: float
    pabx: str | None
    command: str


@attrs.frozen(kw_only=True)
class CallSent:
    """An attempt of a call goes out: its intent is recorded, where one is.

    Attributes:
        serial: The call's number.
        time: Unix time.
        pabx: Name of the PABX.
        command: Name of its command.
        attempt: Number of the attempt, from 1.
    """

    serial: int
    time: float
    pabx: str
    command: str
    attempt: int


@attrs.frozen(kw_only=True)
class CallRetried:
    """An attempt failed, and the call is not settled: another attempt may follow.

    Attributes:
        serial: The call's number.
        time: Unix time when the attempt ended.
        pabx: Name of the PABX.
        command: Name of its command.
        attempt: Number of the attempt, from 1.
        outcome: What is known of that attempt.
        reason: Why, as in ``error.reason``.
        status: HTTP status of its answer, None where none began.
        latency: Seconds that it took.
        origin: What ``ActivityStream.origin_of`` returned for the call.
    """

    serial: int
    time: float
    pabx: str
    command: str
    attempt: int
    outcome: Outcome
    reason: str
    status: int | None
    latency: float
    origin: object = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class CallSettled:
    """A call has its result: nothing more is done for it.

    Each call that was queued is settled once; with a ledger, once that is durable.

    Attributes:
        serial: The call's number.
        time: Unix time.
        pabx: Name of the PABX that had it last, None where none was chosen.
        command: Name of its command.
        outcome: What is known of it.
        reason: Why it was not accepted, as in ``error.reason``; empty where it was.
        status: HTTP status of the answer, None where none began.
        attempts: Attempts that were begun.
        sent_at: Unix time when the last one began, None without one.
        waited: Seconds until then.
        latency: Seconds from then to the answer or the failure.
        attempt_was_told: Whether the last attempt was told as ``CallRetried``, because
            another was to follow that was not begun.
        origin: What ``ActivityStream.origin_of`` returned for the call.
    """

    serial: int
    time: float
    pabx: str | None
    command: str
    outcome: Outcome
    reason: str
    status: int | None
    attempts: int
    sent_at: float | None
    waited: float
    latency: float
    attempt_was_told: bool = False
    origin: object = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class CallEnded:
    """It is known what became of a call, by the events of its PABX or its deadline.

    Attributes:
        time: Unix time.
        pabx: Name of the PABX.
        disposition: What became of it.
        evidence: How that is known.
        ring_seconds: Seconds that it rang, None where no event told.
        talk_seconds: Seconds from its answer to its end, None where no event told.
    """

    time: float
    pabx: str
    disposition: Disposition
    evidence: EndEvidence
    ring_seconds: float | None
    talk_seconds: float | None


@attrs.frozen(kw_only=True)
class ActivitiesLost:
    """Activities are missing here: nobody took them in time.

    Attributes:
        time: Unix time.
        count: Number of them.
    """

    time: float
    count: int


Activity: TypeAlias = (
    ClientEvent
    | CallQueued
    | CallSent
    | CallRetried
    | CallSettled
    | CallEnded
    | ActivitiesLost
)
"""Anything that happens inside a client."""
